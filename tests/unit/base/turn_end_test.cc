// TurnEnd: once a turn, after everything else of it.

#include "base/turn_end.h"

#include <fcntl.h>

#include <array>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

class TurnEndTest : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(Setups, TurnEndTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(TurnEndTest, RunsOnceAfterAllCallbacksOfTheTurn) {
  std::string order;
  TurnEnd end(loop.get(), [&] { order += 'e'; });
  loop->Post([&] {
    end.Request();
    order += '1';
  });
  loop->Post([&] {
    end.Request();
    order += '2';
  });
  RunFor(2'000);
  EXPECT_EQ(order, "12e");
}

TEST_P(TurnEndTest, WhatItRequestsItselfRunsInTheNextTurnWithoutWaiting) {
  int count = 0;
  std::optional<TurnEnd> end;
  end.emplace(loop.get(), [&] {
    if (++count < 3) {
      end->Request();
    } else {
      loop->Stop();
    }
  });
  end->Request();
  // No timer, nothing to wait for: a loop that slept would never return.
  ASSERT_TRUE(loop->Run().ok());
  EXPECT_EQ(count, 3);
}

TEST_P(TurnEndTest, CancelledOrDestroyedItDoesNotRun) {
  TurnEnd cancelled(loop.get(), [] { ADD_FAILURE(); });
  auto destroyed = std::make_unique<TurnEnd>(loop.get(), [] { ADD_FAILURE(); });
  cancelled.Request();
  destroyed->Request();
  cancelled.Cancel();
  destroyed.reset();
  RunFor(1'000);
}

TEST_P(TurnEndTest, OperationsItStartsGoOutBeforeTheLoopSleeps) {
  Pipe pipe;
  OperationGroup io(loop.get());
  const std::array<uint8_t, 1> out{7};
  std::optional<int32_t> result;
  TurnEnd end(loop.get(), [&] {
    io.Write(pipe.write_end.get(), out, OperationGroup::kCurrentPosition, [&](int32_t written) {
      result = written;
      loop->Stop();
    });
  });
  end.Request();
  ASSERT_TRUE(loop->Run().ok());
  EXPECT_EQ(result, 1);
}

}  // namespace
}  // namespace mayfly
