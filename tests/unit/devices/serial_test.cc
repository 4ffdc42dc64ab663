// Serial: the register model, its interrupts, and what Linux's 8250 driver probes.

#include "devices/serial.h"

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/event_loop.h"
#include "gtest/gtest.h"
#include "tests/fakes/recording_irq_line.h"
#include "tests/fakes/recording_serial_sink.h"

namespace mayfly {
namespace {

// Register offsets.
constexpr uint64_t kData = 0;
constexpr uint64_t kIer = 1;
constexpr uint64_t kIirFcr = 2;
constexpr uint64_t kLcr = 3;
constexpr uint64_t kMcr = 4;
constexpr uint64_t kLsr = 5;
constexpr uint64_t kMsr = 6;
constexpr uint64_t kScr = 7;

constexpr uint8_t kOut2 = 0x08;
constexpr uint8_t kRdi = 0x01;
constexpr uint8_t kThri = 0x02;
constexpr uint8_t kRlsi = 0x04;
constexpr uint8_t kMsi = 0x08;

class SerialTest : public testing::Test {
 protected:
  uint8_t In(uint64_t offset) {
    std::array<uint8_t, 1> data{0xee};
    serial.Read(offset, data);
    return data[0];
  }
  void Out(uint64_t offset, uint8_t value) { serial.Write(offset, std::array<uint8_t, 1>{value}); }
  size_t Receive(const std::string& text) {
    const std::vector<uint8_t> bytes(text.begin(), text.end());
    return serial.Receive(bytes);
  }
  // What a driver does before it uses interrupts.
  void Open(uint8_t interrupt_enable) {
    Out(kMcr, kOut2);
    Out(kIirFcr, 0x07);
    Out(kIer, interrupt_enable);
    irq.Take();
  }

  RecordingIrqLine irq;
  RecordingSerialSink sink;
  Serial serial{&irq, &sink};
};

TEST_F(SerialTest, SendsEachByteWrittenToTheTransmitter) {
  for (const char c : std::string("hello")) {
    Out(kData, static_cast<uint8_t>(c));
  }
  EXPECT_EQ(sink.text(), "hello");
  EXPECT_EQ(serial.counters().write_count, 5u);
  EXPECT_EQ(In(kLsr), 0x60);
  EXPECT_EQ(irq.Take(), 0);
}

TEST_F(SerialTest, TheDivisorHidesTheDataAndInterruptRegisters) {
  Out(kIer, kRdi);
  Out(kLcr, 0x83);
  EXPECT_EQ(In(kData), 12);
  EXPECT_EQ(In(kIer), 0);
  Out(kData, 0x34);
  Out(kIer, 0x12);
  EXPECT_EQ(In(kData), 0x34);
  EXPECT_EQ(In(kIer), 0x12);
  Out(kLcr, 0x03);
  EXPECT_EQ(In(kIer), kRdi);
  EXPECT_EQ(In(kLcr), 0x03);
  EXPECT_EQ(sink.text(), "");
  EXPECT_EQ(serial.State().divisor, 0x1234);
}

// drivers/tty/serial/8250/8250_port.c, autoconfig(): what must hold for "16550A" and nothing
// fancier.
TEST_F(SerialTest, LinuxFindsA16550A) {
  Out(kIer, 0);
  EXPECT_EQ(In(kIer) & 0x0f, 0);
  Out(kIer, 0x0f);
  EXPECT_EQ(In(kIer) & 0x0f, 0x0f);
  Out(kIer, 0);
  Out(kMcr, 0x1a);  // loopback, OUT2, RTS
  EXPECT_EQ(In(kMsr) & 0xf0, 0x90);
  Out(kMcr, 0);
  Out(kLcr, 0xbf);
  EXPECT_NE(In(kIirFcr), 0);  // not an EFR
  Out(kLcr, 0);
  Out(kIirFcr, 0x01);
  EXPECT_EQ(In(kIirFcr) >> 6, 3);
  Out(kIirFcr, 0x21);
  EXPECT_EQ(In(kIirFcr) & 0x20, 0);  // not a 16750
  Out(kIer, 0x40);
  EXPECT_EQ(In(kIer), 0);  // not an XScale
  Out(kIirFcr, 0);
  EXPECT_EQ(In(kIirFcr) >> 6, 0);
  Out(kScr, 0xa5);
  EXPECT_EQ(In(kScr), 0xa5);
}

TEST_F(SerialTest, ModemLinesOfAConnectedTerminal) { EXPECT_EQ(In(kMsr), 0xb0); }

TEST_F(SerialTest, LoopbackReturnsBytesAndModemLines) {
  Out(kMcr, 0x10);
  EXPECT_EQ(In(kMsr) & 0xf0, 0);
  Out(kMcr, 0x1f);
  EXPECT_EQ(In(kMsr) & 0xf0, 0xf0);
  Out(kData, 'x');
  EXPECT_EQ(In(kLsr), 0x61);
  EXPECT_EQ(In(kData), 'x');
  EXPECT_EQ(In(kLsr), 0x60);
  EXPECT_EQ(sink.text(), "");
}

TEST_F(SerialTest, LoopbackOverrunIsReportedOnce) {
  Out(kMcr, 0x10);
  Out(kData, 'a');
  Out(kData, 'b');  // no FIFO: one byte is all it holds
  EXPECT_EQ(In(kLsr), 0x63);
  EXPECT_EQ(In(kLsr), 0x61);
  EXPECT_EQ(In(kData), 'a');
  EXPECT_EQ(serial.counters().error_count, 1u);
}

TEST_F(SerialTest, HoldsInputBackUntilTheGuestListens) {
  EXPECT_EQ(serial.input_capacity(), 0u);
  EXPECT_EQ(Receive("x"), 0u);
  Open(kThri);
  EXPECT_EQ(Receive("x"), 0u);
  EXPECT_EQ(In(kLsr), 0x60);
  Out(kIer, kRdi);
  EXPECT_EQ(serial.input_capacity(), 64u);
  EXPECT_EQ(Receive("x"), 1u);
  EXPECT_EQ(In(kLsr), 0x61);
}

// autoconfig() of Linux's driver sets all of IER to see which bits stay, and clears the FIFO later.
TEST_F(SerialTest, HoldsInputBackWhileLinuxLooksForThePort) {
  Out(kIer, 0x0f);
  EXPECT_EQ(serial.input_capacity(), 0u);
  EXPECT_EQ(Receive("x"), 0u);
  Out(kMcr, kOut2);
  EXPECT_EQ(serial.input_capacity(), 1u);
}

TEST_F(SerialTest, ReceivesAsMuchAsTheFifoHolds) {
  Open(kRdi);
  EXPECT_EQ(Receive(std::string(100, 'r')), 64u);
  EXPECT_EQ(serial.input_capacity(), 0u);
  EXPECT_EQ(irq.Take(), 1);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(In(kIirFcr), 0xc4);
    EXPECT_EQ(In(kData), 'r');
  }
  EXPECT_EQ(In(kIirFcr), 0xc1);
  EXPECT_EQ(In(kData), 0);
  EXPECT_EQ(serial.counters().read_count, 64u);
  EXPECT_EQ(irq.Take(), 0);
  EXPECT_EQ(Receive("s"), 1u);
  EXPECT_EQ(irq.Take(), 1);
}

TEST_F(SerialTest, WithoutFifosItHoldsOneByte) {
  Out(kMcr, kOut2);
  Out(kIer, kRdi);
  EXPECT_EQ(serial.input_capacity(), 1u);
  EXPECT_EQ(Receive("ab"), 1u);
  EXPECT_EQ(In(kIirFcr), 0x04);
  EXPECT_EQ(In(kData), 'a');
}

TEST_F(SerialTest, FifoControlClearsTheReceiverOnlyWhenToldTo) {
  Open(kRdi);
  Receive("abc");
  Out(kIirFcr, 0x00);
  Out(kIirFcr, 0x01);
  EXPECT_EQ(In(kData), 'a');
  Out(kIirFcr, 0x03);
  EXPECT_EQ(In(kLsr), 0x60);
  EXPECT_EQ(serial.input_capacity(), 64u);
}

// UART_BUG_TXEN and UART_BUG_THRE in serial8250_do_startup(): enabling must interrupt each time.
TEST_F(SerialTest, EnablingTheTransmitInterruptRaisesItEachTime) {
  Open(0);
  for (int i = 0; i < 3; ++i) {
    Out(kIer, kThri);
    EXPECT_EQ(irq.Take(), 1);
    EXPECT_EQ(In(kIirFcr), 0xc2);
    EXPECT_EQ(In(kIirFcr), 0xc1);
    Out(kIer, 0);
  }
}

TEST_F(SerialTest, ATransmitInterruptComesAfterEachAcknowledgedBatch) {
  Open(kThri);
  EXPECT_EQ(In(kIirFcr), 0xc2);
  irq.Take();
  for (int batch = 0; batch < 3; ++batch) {
    for (int i = 0; i < 16; ++i) {
      Out(kData, 'x');
    }
    EXPECT_EQ(irq.Take(), 1) << "one edge, not one a byte";
    EXPECT_EQ(In(kIirFcr), 0xc2);
  }
  EXPECT_EQ(In(kIirFcr), 0xc1);
}

TEST_F(SerialTest, CausesAreReportedByPriorityAndTheRestInterruptsAgain) {
  Open(kThri | kRdi | kRlsi | kMsi);
  EXPECT_EQ(In(kIirFcr), 0xc2);
  Receive("a");
  Out(kData, 'x');
  EXPECT_EQ(irq.Take(), 2);  // a received byte, and a transmitter that was empty anew
  EXPECT_EQ(In(kIirFcr), 0xc4);
  EXPECT_EQ(In(kData), 'a');
  EXPECT_EQ(irq.Take(), 1);  // the transmitter is still waiting
  EXPECT_EQ(In(kIirFcr), 0xc2);
  EXPECT_EQ(irq.Take(), 0);
  EXPECT_EQ(In(kIirFcr), 0xc1);
}

TEST_F(SerialTest, ModemStatusChangesInterrupt) {
  Open(kMsi);
  Out(kMcr, 0x10);  // loopback drops CTS, DSR and carrier
  Out(kMcr, kOut2);
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_EQ(In(kIirFcr), 0xc0);
  EXPECT_EQ(In(kMsr), 0xbb);
  EXPECT_EQ(In(kIirFcr), 0xc1);
  EXPECT_EQ(In(kMsr), 0xb0);
}

TEST_F(SerialTest, OnlyTheTrailingEdgeOfRingCounts) {
  Out(kMcr, 0x14);
  In(kMsr);
  EXPECT_EQ(In(kMsr), 0x40);
  Out(kMcr, 0x10);
  EXPECT_EQ(In(kMsr), 0x04);
  Out(kMcr, 0x14);
  EXPECT_EQ(In(kMsr), 0x40);
}

TEST_F(SerialTest, Out2GatesTheLine) {
  Out(kIer, kThri);
  EXPECT_EQ(irq.Take(), 0);
  Out(kMcr, kOut2);
  EXPECT_EQ(irq.Take(), 1);
  Out(kMcr, 0);
  Out(kMcr, kOut2);
  EXPECT_EQ(irq.Take(), 1);
}

TEST_F(SerialTest, WideAccessesAreCountedAndDoNothing) {
  std::array<uint8_t, 2> data{1, 2};
  serial.Write(kData, data);
  serial.Read(kScr, data);
  EXPECT_EQ(data, (std::array<uint8_t, 2>{0, 0}));
  EXPECT_EQ(serial.counters().missed_write_count, 1u);
  EXPECT_EQ(serial.counters().missed_read_count, 1u);
  EXPECT_EQ(sink.text(), "");
}

TEST_F(SerialTest, BytesTheSinkDropsAreCounted) {
  class FullSink : public SerialSink {
    bool Put(uint8_t) override { return false; }
  };
  FullSink full;
  Serial full_serial(&irq, &full);
  full_serial.Write(kData, std::array<uint8_t, 1>{'x'});
  EXPECT_EQ(full_serial.counters().missed_write_count, 1u);
  EXPECT_EQ(full_serial.counters().write_count, 0u);
}

TEST_F(SerialTest, SignalsWhenTheGuestListensAndWhenItHasReadAll) {
  auto loop = EventLoop::Create({});
  ASSERT_TRUE(loop.ok()) << loop.status();
  int count = 0;
  LoopSignal signal(loop->get(), [&] {
    ++count;
    (*loop)->Stop();
  });
  serial.set_input_signal(&signal);
  Open(kRdi);
  ASSERT_TRUE((*loop)->Run().ok());
  EXPECT_EQ(count, 1);
  Receive("ab");
  In(kData);
  In(kData);
  ASSERT_TRUE((*loop)->Run().ok());
  EXPECT_EQ(count, 2);
  Receive("c");
  Out(kIirFcr, 0x03);
  ASSERT_TRUE((*loop)->Run().ok());
  EXPECT_EQ(count, 3);
  serial.set_input_signal(nullptr);
}

TEST_F(SerialTest, StateComesBackWithItsInterrupts) {
  Open(kRdi | kThri);
  In(kIirFcr);
  Out(kLcr, 0x03);
  Out(kScr, 0x77);
  Receive("abc");
  In(kData);
  Out(kData, 'x');  // a transmit interrupt that nobody has seen
  const SerialState state = serial.State();
  EXPECT_TRUE(state.is_transmit_empty_pending);
  EXPECT_EQ(state.received, (std::vector<uint8_t>{'b', 'c'}));

  RecordingIrqLine restored_irq;
  Serial restored(&restored_irq, &sink);
  ASSERT_TRUE(restored.Restore(state).ok());
  EXPECT_EQ(restored_irq.Take(), 1);
  EXPECT_EQ(restored.State(), state);
  std::array<uint8_t, 1> data{};
  restored.Read(kData, data);
  EXPECT_EQ(data[0], 'b');
  restored.Read(kData, data);
  EXPECT_EQ(data[0], 'c');
  restored.Read(kIirFcr, data);
  EXPECT_EQ(data[0], 0xc2);
}

TEST_F(SerialTest, RefusesImpossibleStateAndStaysAsItWas) {
  Open(kRdi);
  Receive("a");
  const SerialState before = serial.State();
  SerialState state = before;
  state.scratch = 9;
  state.interrupt_enable = 0x10;
  EXPECT_EQ(serial.Restore(state).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(serial.State(), before);
}

// Two vCPUs write while the loop delivers input: for ThreadSanitizer.
TEST_F(SerialTest, ThreadsShareThePort) {
  Open(kRdi);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; ++n) {
        Out(kData, 'x');
        In(kLsr);
        In(kData);
      }
    });
  }
  for (int n = 0; n < 1'000; ++n) {
    Receive("yz");
    serial.counters();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(sink.text().size(), 2'000u);
}

}  // namespace
}  // namespace mayfly
