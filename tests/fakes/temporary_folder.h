// TemporaryFolder: an empty folder with files of a test, gone at its end.

#ifndef MAYFLY_TESTS_FAKES_TEMPORARY_FOLDER_H_
#define MAYFLY_TESTS_FAKES_TEMPORARY_FOLDER_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/check.h"

namespace mayfly {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = "/tmp/mayfly-test-XXXXXX";
    MAYFLY_CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  // The path of a file in the folder.
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }
  // The names of all files, sorted.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

// All bytes of a file; none for one that cannot be read.
inline std::vector<uint8_t> ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<uint8_t> bytes(file ? static_cast<size_t>(file.tellg()) : 0);
  file.seekg(0);
  // A stream reads characters.
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

inline void WriteWholeFile(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  // A stream writes characters.
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  MAYFLY_CHECK(file.good());
}

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_TEMPORARY_FOLDER_H_
