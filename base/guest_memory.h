// GuestMemory: the RAM of a guest, reachable only through checked ranges.

#ifndef MAYFLY_BASE_GUEST_MEMORY_H_
#define MAYFLY_BASE_GUEST_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/guest_address.h"
#include "base/mapping.h"
#include "base/owned_fd.h"
#include "base/page_set.h"

namespace mayfly {

// A type that may be copied to and from guest memory as bytes: trivially copyable and without
// padding, so that no byte of the host's stack reaches the guest.
template <typename T>
concept GuestCopyable =
    std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>;

// A checked piece of guest RAM. Valid as long as the GuestMemory it came from. The guest changes
// these bytes at any time: copy them once, then check the copy. data() is for handing to the kernel
// (io_uring, mmap).
class GuestSlice {
 public:
  GuestSlice() = default;

  uint8_t* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }

  // A part, which lies inside.
  GuestSlice SubSlice(size_t offset_bytes, size_t size_bytes) const {
    MAYFLY_CHECK(offset_bytes <= size_bytes_ && size_bytes <= size_bytes_ - offset_bytes);
    return {data_ + offset_bytes, size_bytes};
  }

  // Copies min(size, out.size()) bytes; returns how many.
  size_t CopyTo(std::span<uint8_t> out) const;
  size_t CopyFrom(std::span<const uint8_t> in) const;
  void Fill(uint8_t value) const;

 private:
  friend class GuestMemory;
  GuestSlice(uint8_t* data, size_t size_bytes) : data_(data), size_bytes_(size_bytes) {}

  uint8_t* data_ = nullptr;
  size_t size_bytes_ = 0;
};

// The guest's RAM: one host mapping per region, sorted, immutable once made (but for what is
// tracked of writes), and safe to share among threads. Owned by MicroVm; devices and loaders hold a
// reference.
//
//   ASSIGN_OR_RETURN(GuestSlice slice, memory.Resolve({address, length}));
//   ASSIGN_OR_RETURN(auto header, memory.ReadObject<BlockHeader>(address));
class GuestMemory {
 public:
  struct Region {
    GuestAddress start;
    Mapping mapping;
    // Where the region starts in the backing file; meaningful when the memory has one.
    uint64_t file_offset_bytes = 0;

    GuestRange range() const { return {start, mapping.size_bytes()}; }
  };

  // What lies behind the mappings.
  enum class Backing {
    kAnonymous,    // private memory of this process alone
    kShared,       // the file fd(), which has what the guest writes (a memfd)
    kPrivateFile,  // the file fd(), which never changes; what the guest writes is this process's
    kUserfault     // private memory; what is in a page at first another process says (userfaultfd)
  };

  GuestMemory() = default;

  // `regions` must be non-empty, sorted by start, without overlap or end past 2^64
  // (InvalidArgument). `fd` is the file behind every region, or empty for anonymous memory, which
  // `backing` need not say.
  static absl::StatusOr<GuestMemory> Create(std::vector<Region> regions, OwnedFd fd,
                                            Backing backing = Backing::kShared);

  // The range as host memory when it lies wholly inside one region. OutOfRange otherwise. Length 0
  // is allowed inside a region and at its very end.
  absl::StatusOr<GuestSlice> Resolve(GuestRange range) const;

  absl::Status Read(GuestAddress address, std::span<uint8_t> out) const;
  absl::Status Write(GuestAddress address, std::span<const uint8_t> in) const;

  template <GuestCopyable T>
  absl::StatusOr<T> ReadObject(GuestAddress address) const {
    T object;
    const absl::Status status =
        // Bytes of a trivially copyable object may be written through uint8_t*.
        Read(address, {reinterpret_cast<uint8_t*>(&object), sizeof(object)});
    if (!status.ok()) {
      return status;
    }
    return object;
  }

  template <GuestCopyable T>
  absl::Status WriteObject(GuestAddress address, const T& object) const {
    // Bytes of a trivially copyable object may be read through uint8_t*.
    return Write(address, {reinterpret_cast<const uint8_t*>(&object), sizeof(object)});
  }

  std::span<const Region> regions() const { return regions_; }
  uint64_t size_bytes() const { return size_bytes_; }
  uint64_t page_count() const { return size_bytes_ / PageSet::kPageBytes; }
  // -1 for kAnonymous and kUserfault.
  int fd() const { return fd_.get(); }
  Backing backing() const { return backing_; }

  // Pages of other files that were mapped over the backing ones (a kernel image's), in pieces that
  // Resolve gave: what is in them is not in fd(). Before anything else uses the memory.
  void MarkImage(const uint8_t* data, uint64_t size_bytes) const;
  // Of 0 pages when there are none.
  const PageSet& image_pages() const { return image_pages_; }

  // What this process and the kernel on its behalf write past KVM, whose dirty log has only what
  // vCPUs write. Loop thread only, all of them.
  //
  // From now on, or no longer.
  void TrackWrites(bool tracked);
  bool tracks_writes() const { return written_.page_count() > 0; }
  // Devices tell of what they wrote, when it is complete: a piece that Resolve gave. Cheap when
  // nothing is tracked.
  void MarkWritten(const uint8_t* data, uint64_t size_bytes) const {
    if (tracks_writes() && size_bytes > 0) {
      AddWritten(data, size_bytes);
    }
  }
  // The pages marked since TrackWrites or the last ClearWritten; of 0 pages when not tracked.
  const PageSet& written() const { return written_; }
  void ClearWritten() { written_.Clear(); }

 private:
  void AddWritten(const uint8_t* data, uint64_t size_bytes) const;
  // The pages that a piece lies in.
  PageRun PagesOf(const uint8_t* data, uint64_t size_bytes) const;

  std::vector<Region> regions_;
  OwnedFd fd_;
  Backing backing_ = Backing::kAnonymous;
  uint64_t size_bytes_ = 0;
  mutable PageSet image_pages_;
  mutable PageSet written_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_GUEST_MEMORY_H_
