// The event loop's costs: making one, a turn with one operation, a wake-up from another thread.

#include <fcntl.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <thread>

#include "base/event_loop.h"
#include "base/owned_fd.h"
#include "benchmark/benchmark.h"
#include "devices/serial_output.h"

namespace mayfly {
namespace {

void CreateAndDestroy(benchmark::State& state) {
  for (auto _ : state) {
    auto loop = EventLoop::Create({});
    if (!loop.ok()) {
      state.SkipWithError(std::string(loop.status().message()).c_str());
      return;
    }
    state.SetLabel((*loop)->setup_description());
  }
}
BENCHMARK(CreateAndDestroy)->Unit(benchmark::kMicrosecond);

// As many writes to /dev/null a turn as the argument says.
void Writes(benchmark::State& state) {
  auto loop = EventLoop::Create({});
  const OwnedFd null(open("/dev/null", O_WRONLY));
  const std::array<uint8_t, 64> bytes{};
  OperationGroup io(loop->get());
  for (auto _ : state) {
    auto pending = state.range(0);
    for (int64_t i = state.range(0); i > 0; --i) {
      io.Write(null.get(), bytes, 0, [&](int32_t) {
        if (--pending == 0) {
          (*loop)->Stop();
        }
      });
    }
    (void)(*loop)->Run();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Writes)->Arg(1)->Arg(32)->Arg(256);

// One write at a time to /dev/null on a kernel worker, as the console does. CPU time is the
// process's, workers included.
void WorkerWrite(benchmark::State& state) {
  auto loop = EventLoop::Create({});
  const OwnedFd null(open("/dev/null", O_WRONLY));
  const std::array<uint8_t, 64> bytes{};
  OperationGroup io(loop->get());
  for (auto _ : state) {
    io.WriteOnWorker(null.get(), bytes, OperationGroup::kCurrentPosition,
                     [&](int32_t) { (*loop)->Stop(); });
    (void)(*loop)->Run();
  }
}
BENCHMARK(WorkerWrite)->MeasureProcessCPUTime()->UseRealTime();

// A signal from another thread to the loop, which sleeps, and back through an eventfd.
void WakeUpRoundTrip(benchmark::State& state) {
  auto loop = EventLoop::Create({});
  const OwnedFd reply(eventfd(0, EFD_CLOEXEC));
  LoopSignal ping(loop->get(), [&] { (void)eventfd_write(reply.get(), 1); });
  LoopSignal stop(loop->get(), [&] { (*loop)->Stop(); });
  std::thread other([&] {
    for (auto _ : state) {
      ping.Raise();
      eventfd_t count = 0;
      (void)eventfd_read(reply.get(), &count);
    }
    stop.Raise();
  });
  (void)(*loop)->Run();
  other.join();
}
BENCHMARK(WakeUpRoundTrip)->UseRealTime();

// What one byte of serial output costs the vCPU thread while the loop writes it to /dev/null.
void SerialOutputPut(benchmark::State& state) {
  auto loop = EventLoop::Create({});
  const OwnedFd null(open("/dev/null", O_WRONLY));
  SerialOutput output(loop->get(), {.fd = null.get()});
  LoopSignal stop(loop->get(), [&] { (*loop)->Stop(); });
  int64_t taken_count = 0;
  std::thread guest([&] {
    for (auto _ : state) {
      taken_count += output.Put('x') ? 1 : 0;
    }
    stop.Raise();
  });
  (void)(*loop)->Run();
  guest.join();
  state.counters["taken"] =
      static_cast<double>(taken_count) / static_cast<double>(state.iterations());
}
BENCHMARK(SerialOutputPut)->UseRealTime();

}  // namespace
}  // namespace mayfly
