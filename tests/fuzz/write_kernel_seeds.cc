// Writes the seeds of the kernel parsers' fuzz targets, from the builders that tests use.
//
// Usage: write_kernel_seeds FOLDER. Run with tests/fuzz/corpus after a change of the builders; the
// seeds are in the repository. Exits with 1 when a file cannot be written.

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "tests/fakes/bzimage_builder.h"
#include "tests/fakes/elf_builder.h"

namespace mayfly {
namespace {

bool Write(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  for (const uint8_t byte : bytes) {
    file.put(static_cast<char>(byte));
  }
  file.close();
  if (file.fail()) {
    std::fprintf(stderr, "%s: cannot be written\n", path.c_str());
    return false;
  }
  return true;
}

bool WriteElf(const std::string& folder) {
  constexpr uint64_t kBase = 0x1000000;
  const auto plain = ElfBuilder(kBase).Segment(kBase, {0xf4}).Segment(kBase + 0x1000, {1}, 0x1000);
  auto four = plain;
  auto eight = plain;
  four.Note("GNU", 3, {1, 2, 3}).Note("Xen", 18, {0, 0, 0, 1});
  eight.Note("Xen", 18, {0, 0, 0, 1, 0, 0, 0, 0});
  return Write(folder + "/plain", plain.Build()) && Write(folder + "/pvh-4", four.Build()) &&
         Write(folder + "/pvh-8", eight.Build());
}

bool WriteBzImages(const std::string& folder) {
  BzImageBuilder builder(std::vector<uint8_t>(0x210));
  const bool plain = Write(folder + "/plain", builder.Build());
  builder.setup_header.version = 0x020c;
  builder.setup_header.relocatable_kernel = 0;
  builder.setup_header.jump = 0x66eb;
  return plain && Write(folder + "/fixed-2.12", builder.Build());
}

}  // namespace
}  // namespace mayfly

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 1;
  }
  const std::string folder = argv[1];
  const bool written =
      mayfly::WriteElf(folder + "/elf_image") && mayfly::WriteBzImages(folder + "/bzimage");
  return written ? 0 : 1;
}
