// SerialInput: backpressure, the escape filter, and the ends of input.

#include "devices/serial_input.h"

#include <fcntl.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/fakes/pseudo_terminal.h"
#include "tests/fakes/recording_irq_line.h"
#include "tests/fakes/recording_serial_sink.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

class SerialInputTest : public LoopTest {
 protected:
  void Open(int fd, SerialInput::EndOfInput end_of_input = SerialInput::EndOfInput::kSendControlD) {
    input = std::make_unique<SerialInput>(
        loop.get(), &serial,
        SerialInput::Options{.fd = fd,
                             .filter =
                                 [this](std::span<uint8_t> bytes) {
                                   filtered.append(bytes.begin(), bytes.end());
                                   // Swallows the escape key.
                                   const auto kept = std::remove(bytes.begin(), bytes.end(), 0x1d);
                                   return static_cast<size_t>(kept - bytes.begin());
                                 },
                             .end_of_input = end_of_input,
                             .on_end =
                                 [this](absl::Status status) {
                                   EXPECT_FALSE(end.has_value()) << "reported twice";
                                   end = std::move(status);
                                 }});
  }

  // A guest's driver opens the port.
  void Listen() {
    serial.Write(4, std::array<uint8_t, 1>{0x08});
    serial.Write(2, std::array<uint8_t, 1>{0x01});
    serial.Write(1, std::array<uint8_t, 1>{0x01});
  }

  // A guest's driver reads what there is.
  std::string GuestRead() {
    std::string text;
    std::array<uint8_t, 1> data{};
    for (serial.Read(5, data); (data[0] & 0x01) != 0; serial.Read(5, data)) {
      serial.Read(0, data);
      text.push_back(static_cast<char>(data[0]));
    }
    return text;
  }

  RecordingIrqLine irq;
  RecordingSerialSink sink;
  Serial serial{&irq, &sink};
  std::unique_ptr<SerialInput> input;
  std::string filtered;
  std::optional<absl::Status> end;
};

INSTANTIATE_TEST_SUITE_P(Setups, SerialInputTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(SerialInputTest, TypedBytesReachTheGuestWithAnInterrupt) {
  const PseudoTerminal terminal;
  Listen();
  Open(terminal.terminal.get());
  EXPECT_TRUE(input->is_terminal());
  terminal.Type("ls\r");
  std::string received;
  RunUntil([&] { return (received += GuestRead()) == "ls\r"; });
  EXPECT_GE(irq.Take(), 1);
  terminal.Type("x");
  RunUntil([&] { return (received += GuestRead()) == "ls\rx"; });
}

TEST_P(SerialInputTest, WhatIsTypedBeforeTheGuestListensIsKept) {
  const PseudoTerminal terminal;
  Open(terminal.terminal.get());
  terminal.Type("early");
  RunUntil([&] { return filtered == "early"; });
  EXPECT_EQ(GuestRead(), "");
  Listen();
  std::string received;
  RunUntil([&] { return (received += GuestRead()) == "early"; });
}

TEST_P(SerialInputTest, TheEscapeKeyWorksWhileTheGuestDoesNotListen) {
  const PseudoTerminal terminal;
  Open(terminal.terminal.get());
  const std::string block(1'000, 'b');
  for (int i = 0; i < 6; ++i) {
    terminal.Type(block);
    RunUntil([&] { return filtered.size() == 1'000 * static_cast<size_t>(i + 1); });
  }
  EXPECT_EQ(input->dropped_count(), 6'000 - SerialInput::kBufferCapacityBytes);
  terminal.Type("\x1d");
  RunUntil([&] { return filtered.back() == '\x1d'; });
  Listen();
  std::string received;
  RunUntil([&] {
    received += GuestRead();
    return received.size() == SerialInput::kBufferCapacityBytes;
  });
  RunFor(2'000);
  EXPECT_EQ(GuestRead(), "");
}

TEST_P(SerialInputTest, TheFilterRemovesItsKey) {
  const PseudoTerminal terminal;
  Listen();
  Open(terminal.terminal.get());
  terminal.Type(
      "a\x1d"
      "b");
  std::string received;
  RunUntil([&] { return (received += GuestRead()) == "ab"; });
}

TEST_P(SerialInputTest, ReadsAPipeOnlyAsTheGuestDoes) {
  const Pipe pipe;
  Open(pipe.read_end.get());
  const std::string text(20'000, 'p');
  ASSERT_EQ(write(pipe.write_end.get(), text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  RunFor(3'000);
  EXPECT_EQ(filtered, "") << "read although the guest does not listen";
  Listen();
  RunFor(3'000);
  EXPECT_LE(filtered.size(), 1'024u);
  std::string received;
  RunUntil([&] { return (received += GuestRead()).size() == text.size(); });
  EXPECT_EQ(received, text);
  EXPECT_EQ(input->dropped_count(), 0u);
}

TEST_P(SerialInputTest, TheEndOfAPipeIsOneControlD) {
  Pipe pipe;
  Listen();
  Open(pipe.read_end.get());
  ASSERT_EQ(write(pipe.write_end.get(), "exit\n", 5), 5);
  pipe.write_end.Close();
  std::string received;
  RunUntil([&] {
    received += GuestRead();
    return end.has_value() && received.size() >= 6;
  });
  EXPECT_EQ(received, "exit\n\x04");
  EXPECT_TRUE(end->ok());
  RunFor(2'000);
  EXPECT_EQ(GuestRead(), "");
}

TEST_P(SerialInputTest, TheEndCanBeKeptQuiet) {
  const OwnedFd null(open("/dev/null", O_RDONLY));
  Listen();
  Open(null.get(), SerialInput::EndOfInput::kKeepQuiet);
  RunUntil([&] { return end.has_value(); });
  EXPECT_TRUE(end->ok());
  EXPECT_EQ(GuestRead(), "");
}

TEST_P(SerialInputTest, NullIsAnImmediateControlDOnceTheGuestListens) {
  const OwnedFd null(open("/dev/null", O_RDONLY));
  Open(null.get());
  RunFor(2'000);
  Listen();
  std::string received;
  RunUntil([&] { return (received += GuestRead()) == "\x04"; });
}

TEST_P(SerialInputTest, ReadsAFileToItsEnd) {
  char path[] = "/tmp/mayfly_serial_input_XXXXXX";
  const OwnedFd file(mkstemp(path));
  unlink(path);
  const std::string text(5'000, 'f');
  ASSERT_EQ(pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  Listen();
  Open(file.get());
  std::string received;
  RunUntil([&] { return (received += GuestRead()) == text + "\x04"; });
}

TEST_P(SerialInputTest, ANonBlockingPipeIsWaitedFor) {
  const Pipe pipe;
  ASSERT_EQ(fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK), 0);
  Listen();
  Open(pipe.read_end.get());
  RunFor(3'000);
  ASSERT_EQ(write(pipe.write_end.get(), "later", 5), 5);
  std::string received;
  RunUntil([&] { return (received += GuestRead()) == "later"; });
  EXPECT_FALSE(end.has_value());
}

TEST_P(SerialInputTest, ATerminalThatGoesAwayEndsInput) {
  PseudoTerminal terminal;
  Listen();
  Open(terminal.terminal.get());
  RunFor(1'000);
  terminal.controller.Close();
  RunUntil([&] { return end.has_value(); });
  EXPECT_FALSE(end->ok());
  RunFor(1'000);
  EXPECT_EQ(GuestRead(), "") << "no end of file is sent for a lost terminal";
}

TEST_P(SerialInputTest, MayBeDestroyedAtTheEndAndWhileReading) {
  Pipe pipe;
  Listen();
  bool is_ended = false;
  std::unique_ptr<SerialInput> victim;
  victim = std::make_unique<SerialInput>(
      loop.get(), &serial,
      SerialInput::Options{.fd = pipe.read_end.get(), .on_end = [&](const absl::Status&) {
                             victim.reset();
                             is_ended = true;
                           }});
  RunFor(1'000);
  pipe.write_end.Close();
  RunUntil([&] { return is_ended; });
  const PseudoTerminal terminal;
  Open(terminal.terminal.get());
  RunFor(1'000);
  input.reset();
}

}  // namespace
}  // namespace mayfly
