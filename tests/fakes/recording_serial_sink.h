// RecordingSerialSink: keeps what a serial port sends.

#ifndef MAYFLY_TESTS_FAKES_RECORDING_SERIAL_SINK_H_
#define MAYFLY_TESTS_FAKES_RECORDING_SERIAL_SINK_H_

#include <cstdint>
#include <string>

#include "base/mutex.h"
#include "devices/serial.h"

namespace mayfly {

// Any thread.
class RecordingSerialSink : public SerialSink {
 public:
  bool Put(uint8_t byte) override {
    MutexLock lock(&mutex_);
    text_.push_back(static_cast<char>(byte));
    return true;
  }

  std::string text() const {
    MutexLock lock(&mutex_);
    return text_;
  }

 private:
  mutable Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_RECORDING_SERIAL_SINK_H_
