// Iasl: runs ACPICA's compiler and disassembler on tables that a test made.

#ifndef MAYFLY_TESTS_FAKES_IASL_H_
#define MAYFLY_TESTS_FAKES_IASL_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace mayfly {

// Keeps its files in a folder of its own and removes them at the end. A test that finds it missing
// skips.
class Iasl {
 public:
  Iasl() {
    std::string pattern = absl::StrCat(testing::TempDir(), "/iasl-XXXXXX");
    folder_ = mkdtemp(pattern.data()) == nullptr ? "" : pattern;
  }
  ~Iasl() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Iasl(const Iasl&) = delete;
  Iasl& operator=(const Iasl&) = delete;

  // Package acpica-tools.
  bool IsInstalled() const { return !folder_.empty() && RunShell("iasl -v") == 0; }

  // The source of `table`, which starts with a table header. Fails the test when iasl does.
  std::string Disassemble(const std::vector<uint8_t>& table) const {
    std::ofstream(Path("table.aml"), std::ios::binary) << std::string(table.begin(), table.end());
    EXPECT_EQ(RunShell(absl::StrCat("iasl -p ", Path("table"), " -d ", Path("table.aml"))), 0)
        << ReadFile("log");
    return ReadFile("table.dsl");
  }

  // The table compiled from what Disassemble returned last. Fails the test on an error or a
  // warning, but for those of the number `tolerated_message`.
  std::vector<uint8_t> CompileAgain(int tolerated_message) const {
    EXPECT_EQ(RunShell(absl::StrCat("iasl -vw ", tolerated_message, " -p ", Path("again"), " -oa ",
                                    Path("table.dsl"))),
              0);
    const std::string log = ReadFile("log");
    EXPECT_NE(log.find("0 Errors, 0 Warnings"), std::string::npos) << log;
    const std::string bytes = ReadFile("again.aml");
    return {bytes.begin(), bytes.end()};
  }

 private:
  std::string Path(absl::string_view name) const { return absl::StrCat(folder_, "/", name); }

  // What the command says goes to the file "log".
  int RunShell(absl::string_view command) const {
    return std::system(absl::StrCat(command, " >", Path("log"), " 2>&1").c_str());
  }

  std::string ReadFile(absl::string_view name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::string folder_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_IASL_H_
