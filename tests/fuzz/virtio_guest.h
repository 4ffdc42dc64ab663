// VirtioGuest: a guest that does what a fuzz input says to one virtio-mmio device, and checks what
// the device does to it.

#ifndef MAYFLY_TESTS_FUZZ_VIRTIO_GUEST_H_
#define MAYFLY_TESTS_FUZZ_VIRTIO_GUEST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_device.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fakes/chain_builder.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/recording_irq_line.h"

namespace mayfly {

// An input is a mode, then steps: the kind, then its bytes. Lives for one input; the event loop is
// the process's. One thread.
//
// In every mode: a step ends, the heap stays within a bound, and nothing that a sanitizer minds.
class VirtioGuest {
 public:
  enum class Mode {
    // A driver that keeps to the rules, however odd its requests. The device must not write where
    // it may only read, gives each chain back once, with no more written than there is room, and
    // gives all of them back in the end.
    kCorrect,
    // Any register and any byte of the rings is written.
    kHostile,
    // Besides, what the device reads changes behind it, in ways that look like a driver's. Only
    // where the libraries are built for it (base/guest_read_hook.h).
    kChanging,
    // Besides, the available index runs ahead whenever the device looks at it.
    kChasing,
  };

  // The guest's RAM: two regions. The queues lie at kQueues; in mode kCorrect the device may only
  // read [kReadable, kWritable), and writes buffers from kWritable on.
  static constexpr uint64_t kQueues = 0x1000;
  static constexpr uint64_t kReadable = 0x8000;
  static constexpr uint64_t kWritable = 0x18000;
  static constexpr uint64_t kFirstRegionBytes = 0x20000;
  static constexpr uint64_t kSecondRegion = 0x40000;
  static constexpr uint64_t kSecondRegionBytes = 0x20000;

  // Adds the buffers of one request, of a kind that the input chooses, in mode kCorrect. False when
  // the device need not give the chain back before more happens, as with receive buffers.
  using BuildRequest =
      std::function<bool(VirtioGuest& guest, size_t queue_index, ChainBuilder& chain)>;

  explicit VirtioGuest(FuzzedDataProvider* provider);
  ~VirtioGuest();
  VirtioGuest(const VirtioGuest&) = delete;
  VirtioGuest& operator=(const VirtioGuest&) = delete;

  static EventLoop* Loop();

  // Once. `device_step` does something of the device's own, outside of the guest.
  void Attach(std::unique_ptr<VirtioDevice> device, BuildRequest build_request,
              std::function<void()> device_step);
  // Until the input ends.
  void Run();

  Mode mode() const { return mode_; }

  // Bytes of the input; zeroes when it has ended.
  uint8_t TakeByte();
  uint16_t TakeWord() { return static_cast<uint16_t>(TakeByte() | TakeByte() << 8); }
  uint64_t TakeNumber(size_t byte_count);

  // For BuildRequest: bytes the device may only read, and room for it to write.
  uint64_t StoreReadable(std::span<const uint8_t> bytes);
  uint64_t PickReadable(uint32_t size_bytes);
  uint64_t PickWritable(uint32_t size_bytes);

 private:
  void Step();
  void StepCorrect(uint8_t kind);
  void StepHostile(uint8_t kind);
  void Start();
  void AddRequest();
  void WriteAnyRegister();
  void WriteDescriptor();
  void PatchMemory();
  void ReadRegisters();
  void Reset();

  // Turns of the loop, with the read hook.
  void RunTurns(int count);
  // At most ten seconds.
  void RunUntil(const std::function<bool()>& condition);
  void CheckReadable() const;
  void CheckUsed();
  void CheckStatus();
  // In mode kCorrect: what the driver waits for comes.
  void WaitForAll();

  FuzzedDataProvider* provider_;
  Mode mode_ = Mode::kCorrect;
  size_t heap_use_bytes_ = 0;
  RecordingIrqLine irq_;
  std::unique_ptr<MmioTransport> transport_;
  BuildRequest build_request_;
  std::function<void()> device_step_;
  std::optional<FakeDriver> driver_;
  // What [kReadable, kWritable) is to hold.
  std::vector<uint8_t> readable_;
  uint64_t next_readable_ = kReadable;
  // For each queue and head: the room of the chain, and whether it is to come back.
  struct Request {
    uint64_t writable_bytes = 0;
    bool comes_back = false;
  };
  std::vector<std::vector<Request>> requests_;
  bool is_started_ = false;
  uint64_t features_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FUZZ_VIRTIO_GUEST_H_
