// SeccompilerCommand: files in, files out, exit statuses and the one line of an error.

#include "jailer/seccompiler_command.h"

#include <sys/syscall.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jailer/filter_file.h"
#include "tests/fakes/bpf_evaluator.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

constexpr char kSource[] = R"({
  "vmm": {"default_action": "trap", "filter_action": "allow", "filter": [
    {"syscall": "read"},
    {"syscall": "ioctl", "args": [{"index": 1, "type": "dword", "op": "eq", "val": 7}]}]},
  "api": {"default_action": "trap", "filter_action": "allow", "filter": []},
  "vcpu": {"default_action": "allow", "filter_action": {"errno": 1}, "filter": [
    {"syscall": "execve"}]}})";

class SeccompilerCommandTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    WriteWholeFile(input_, {text.begin(), text.end()});
    return input_;
  }

  // `more` comes after the flags that are always needed. What it said is in error_.
  int Run(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"-t", "x86_64", "-i", input_, "-o", output_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunPlain(arguments);
  }

  int RunPlain(const std::vector<std::string>& arguments) {
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) {
      pointers.push_back(argument.c_str());
    }
    testing::internal::CaptureStderr();
    const int status = SeccompilerCommand(pointers);
    error_ = testing::internal::GetCapturedStderr();
    return status;
  }

  FilterSet Output() const {
    auto filters = ReadFilterFile(output_);
    EXPECT_TRUE(filters.ok()) << filters.status();
    return filters.ok() ? *std::move(filters) : FilterSet();
  }

  const TemporaryFolder folder_;
  const std::string input_ = folder_.PathOf("in.json");
  const std::string output_ = folder_.PathOf("out");
  std::string error_;
};

TEST_F(SeccompilerCommandTest, CompilesEachThread) {
  Write(kSource);
  ASSERT_EQ(Run(), 0) << error_;
  EXPECT_EQ(error_, "");
  const FilterSet filters = Output();
  ASSERT_EQ(filters.size(), 3u);
  EXPECT_EQ(EvaluateFilter(filters.at("vmm"), SYS_read, {}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(EvaluateFilter(filters.at("vmm"), SYS_ioctl, {0, 7}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(EvaluateFilter(filters.at("vmm"), SYS_ioctl, {0, 8}), SECCOMP_RET_TRAP);
  EXPECT_EQ(EvaluateFilter(filters.at("api"), SYS_read, {}), SECCOMP_RET_TRAP);
  EXPECT_EQ(EvaluateFilter(filters.at("vcpu"), SYS_execve, {}), SECCOMP_RET_ERRNO | 1);
  EXPECT_EQ(EvaluateFilter(filters.at("vcpu"), SYS_read, {}), SECCOMP_RET_ALLOW);
}

TEST_F(SeccompilerCommandTest, BasicFiltersHaveNoChecks) {
  Write(kSource);
  ASSERT_EQ(Run({"--basic"}), 0) << error_;
  EXPECT_EQ(EvaluateFilter(Output().at("vmm"), SYS_ioctl, {0, 8}), SECCOMP_RET_ALLOW);
}

TEST_F(SeccompilerCommandTest, SplitOutputIsAProgramPerThread) {
  Write(kSource);
  ASSERT_EQ(Run({"--split-output"}), 0) << error_;
  EXPECT_EQ(folder_.Names(),
            (std::vector<std::string>{"in.json", "out.api", "out.vcpu", "out.vmm"}));
  ASSERT_EQ(Run(), 0) << error_;
  for (const auto& [thread, program] : Output()) {
    const std::vector<uint8_t> bytes = ReadWholeFile(absl::StrCat(output_, ".", thread));
    ASSERT_EQ(bytes.size(), program.size() * sizeof(sock_filter));
    EXPECT_EQ(std::memcmp(bytes.data(), program.data(), bytes.size()), 0);
  }
}

TEST_F(SeccompilerCommandTest, ErrorsAreOneLineThatNamesTheFile) {
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(error_, absl::StrCat("seccompiler: ", input_, ": open ", input_,
                                 ": No such file or directory\n"));
  Write("{");
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(error_, absl::StrCat("seccompiler: ", input_, ": syntax error at line 1 column 2\n"));
  Write(R"({"vmm": {"default_action": "trap", "filter_action": "allow", "filter": [
    {"syscall": "none"}]}})");
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(error_, absl::StrCat("seccompiler: ", input_,
                                 ": vmm: filter[0]: syscall: x86-64 has no 'none'\n"));
  EXPECT_EQ(folder_.Names(), (std::vector<std::string>{"in.json"}));
}

TEST_F(SeccompilerCommandTest, ErrorsOfWritingNameTheOutput) {
  Write(kSource);
  EXPECT_EQ(RunPlain({"-t", "x86_64", "-i", input_, "-o", "/none/out"}), 1);
  EXPECT_EQ(error_, "seccompiler: open /none/out: No such file or directory\n");
}

TEST_F(SeccompilerCommandTest, RefusesWhatAMonitorWouldRefuse) {
  std::string rules = R"({"syscall": "read"})";
  // Both halves differ, so that each takes four instructions.
  constexpr uint64_t kBothHalves = 0x1'0000'0001;
  for (uint64_t i = 0; i < 900; ++i) {
    absl::StrAppend(&rules, R"(,{"syscall": "ioctl", "args": [{"index": 1, "type": "qword", )",
                    R"("op": "eq", "val": )", i * kBothHalves, "}]}");
  }
  std::string source = "{";
  for (const char thread : {'a', 'b', 'c', 'd', 'e'}) {
    absl::StrAppend(&source, thread == 'a' ? "" : ",", "\"", std::string(1, thread),
                    R"(": {"default_action": "trap", "filter_action": "allow", "filter": [)", rules,
                    "]}");
  }
  Write(source + "}");
  EXPECT_EQ(Run(), 1);
  EXPECT_TRUE(absl::StrContains(error_, " bytes; a monitor takes 100000")) << error_;
}

TEST_F(SeccompilerCommandTest, WrongCommandLinesHaveAStatusOfTheirOwn) {
  EXPECT_EQ(RunPlain({"--none"}), 2);
  EXPECT_EQ(error_, "seccompiler: unknown argument '--none'\n");
}

TEST_F(SeccompilerCommandTest, PrintsHelpAndVersion) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunPlain({"--help"}), 0);
  EXPECT_EQ(RunPlain({"--version"}), 0);
  const std::string output = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(absl::StartsWith(output, "Usage: seccompiler ")) << output;
  EXPECT_TRUE(absl::EndsWith(output, "\nseccompiler v" MAYFLY_VERSION " (Mayfly)\n")) << output;
}

}  // namespace
}  // namespace mayfly
