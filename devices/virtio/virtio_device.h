// VirtioDevice: what a virtio device is to its transport, and the transport to its device.

#ifndef MAYFLY_DEVICES_VIRTIO_VIRTIO_DEVICE_H_
#define MAYFLY_DEVICES_VIRTIO_VIRTIO_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "devices/virtio/virt_queue.h"

namespace mayfly {

// What a device asks of its transport. Loop thread only; the transport outlives the device's use of
// it.
class VirtioTransport {
 public:
  virtual ~VirtioTransport() = default;

  // Tells the driver that a queue has used buffers.
  virtual void RaiseQueueInterrupt() = 0;
  // Replaces the configuration space, which keeps its size, and tells the driver.
  virtual void UpdateConfig(std::vector<uint8_t> config) = 0;
  // The driver broke a queue's rules: tells it that only a reset helps (2.1.2). `reason` is for the
  // log.
  virtual void SetNeedsReset(absl::string_view reason) = 0;
};

// Owned by its transport. Loop thread only, so a device needs no lock; the transport answers vCPU
// threads by itself.
class VirtioDevice {
 public:
  virtual ~VirtioDevice() = default;

  // The constants of the device's type, known from its construction on.
  virtual uint32_t device_id() const = 0;
  virtual uint64_t offered_features() const = 0;  // of the device type, without those of the rings
  virtual size_t queue_count() const = 0;
  // The configuration space, as the driver first reads it.
  virtual std::vector<uint8_t> config() const = 0;

  // Once, before anything else.
  void AttachTo(VirtioTransport* transport) { transport_ = transport; }

  // The driver is ready. `queues` has one entry for each of queue_count(), null for those that the
  // driver left out. Notifications may follow, and one for each queue does. A device that is
  // paused, which is then being restored, only keeps them: Resume looks at them.
  virtual void Activate(uint64_t features, std::vector<std::unique_ptr<VirtQueue>> queues) = 0;
  // A chain may have come.
  virtual void OnNotification(size_t queue_index) = 0;
  // The driver resets the device: cancels all I/O, touches neither guest memory nor the interrupt
  // afterwards, gives the queues up and then runs `done`, never inside this call. Activate may
  // follow. `done` counts on nothing of the device.
  virtual void Deactivate(absl::AnyInvocable<void()> done) = 0;
  // Completes what was started, takes nothing more, makes acknowledged writes durable where the
  // device promises that, and then runs `done`, never inside this call. For the end of the VM.
  virtual void Quiesce(absl::AnyInvocable<void()> done) = 0;
  // Completes what was started, takes nothing more, and then runs `done`, never inside this call:
  // from there until Resume the device touches no guest memory. Nothing is lost, whether it is
  // active or not. The driver stands still meanwhile.
  virtual void Pause(absl::AnyInvocable<void()> done) = 0;
  // Goes on, and looks for what came meanwhile. Ends a Pause that is not done yet, whose `done` is
  // destroyed. Harmless when not paused.
  virtual void Resume() = 0;

  // One of those that Activate gave, for a snapshot; null when the device is not active, or when
  // the driver left the queue out or broke it.
  virtual const VirtQueue* queue(size_t queue_index) const = 0;

 protected:
  VirtioTransport* transport() { return transport_; }

 private:
  VirtioTransport* transport_ = nullptr;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_VIRTIO_DEVICE_H_
