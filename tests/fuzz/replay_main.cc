// main() of a fuzz target outside the fuzz preset: runs the empty input and every file of a folder
// of seeds once.
//
// Usage: NAME_fuzz FOLDER. Exits with 1 when the folder is missing, holds no file, or one cannot be
// read; a finding ends the process as it does under libFuzzer.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<std::filesystem::path> SeedFiles(const char* folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    if (entry->is_regular_file(error) && !error) {
      files.push_back(entry->path());
    }
    entry.increment(error);
  }
  if (error) {
    std::fprintf(stderr, "%s: %s\n", folder, error.message().c_str());
    return {};
  }
  return files;
}

std::optional<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    return std::nullopt;
  }
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void Run(const std::string& bytes) {
  // A block of the input's exact size, so that AddressSanitizer sees a read past its end; like
  // libFuzzer's, never null.
  const auto input = std::make_unique<uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), input.get());
  LLVMFuzzerTestOneInput(input.get(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER_OF_SEEDS\n", argv[0]);
    return 1;
  }
  const std::vector<std::filesystem::path> files = SeedFiles(argv[1]);
  if (files.empty()) {
    std::fprintf(stderr, "%s: no seeds\n", argv[1]);
    return 1;
  }
  Run("");
  for (const std::filesystem::path& path : files) {
    const std::optional<std::string> bytes = ReadFile(path);
    if (!bytes) {
      std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
      return 1;
    }
    std::fprintf(stderr, "%s: %zu bytes\n", path.c_str(), bytes->size());
    Run(*bytes);
  }
  return 0;
}
