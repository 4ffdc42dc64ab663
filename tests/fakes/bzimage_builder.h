// BzImageBuilder: makes small bzImages for tests and seeds.

#ifndef MAYFLY_TESTS_FAKES_BZIMAGE_BUILDER_H_
#define MAYFLY_TESTS_FAKES_BZIMAGE_BUILDER_H_

#include <asm/bootparam.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace mayfly {

// The file holds a boot sector, `setup_header.setup_sects` setup sectors and the kernel. The fields
// that describe the layout are right after construction; a test changes the one it is about.
class BzImageBuilder {
 public:
  // `kernel` must be a multiple of 16 bytes; its 64-bit entry is at 0x200.
  explicit BzImageBuilder(std::vector<uint8_t> kernel) : kernel_(std::move(kernel)) {
    setup_header.setup_sects = 1;
    setup_header.syssize = static_cast<uint32_t>(kernel_.size() / 16);
    setup_header.boot_flag = 0xaa55;
    setup_header.jump = 0x6aeb;        // a short jump to the header's end at 0x26c
    setup_header.header = 0x53726448;  // "HdrS"
    setup_header.version = 0x020f;
    setup_header.loadflags = LOADED_HIGH;
    setup_header.initrd_addr_max = 0x7fffffff;
    setup_header.kernel_alignment = 0x200000;
    setup_header.relocatable_kernel = 1;
    setup_header.xloadflags = XLF_KERNEL_64;
    setup_header.cmdline_size = 2047;
    setup_header.pref_address = 0x1000000;
    setup_header.init_size = 0x10000;
  }

  std::vector<uint8_t> Build() const {
    const size_t sectors = setup_header.setup_sects == 0 ? 4 : setup_header.setup_sects;
    std::vector<uint8_t> file((1 + sectors) * 512);
    std::memcpy(file.data() + 0x1f1, &setup_header, sizeof(setup_header));
    file.insert(file.end(), kernel_.begin(), kernel_.end());
    return file;
  }

  struct setup_header setup_header = {};

 private:
  std::vector<uint8_t> kernel_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_BZIMAGE_BUILDER_H_
