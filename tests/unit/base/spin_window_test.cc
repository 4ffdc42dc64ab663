// SpinWindow: looks again and again where it pays, and almost never where it does not.

#include "base/spin_window.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

// Sleeps of `slept_us` until the next look, which is not counted; at most 5000.
int SleepsUntilLook(SpinWindow& window, int64_t slept_us) {
  int sleeps = 0;
  while (window.NextUs() == 0 && sleeps < 5000) {
    window.OnSlept(slept_us);
    ++sleeps;
  }
  return sleeps;
}

TEST(SpinWindowTest, LooksAgainAsLongAsItFinds) {
  SpinWindow window(50);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(window.NextUs(), 50);
    window.OnFound();
  }
}

TEST(SpinWindowTest, ZeroNeverLooks) {
  SpinWindow window(0);
  EXPECT_EQ(window.NextUs(), 0);
  window.OnSlept(1);
  EXPECT_EQ(window.NextUs(), 0);
}

TEST(SpinWindowTest, VainLooksBecomeRare) {
  SpinWindow window(50);
  int last_pause = 0;
  EXPECT_EQ(window.NextUs(), 50);
  for (int i = 0; i < 20; ++i) {
    window.OnVain();
    const int pause = SleepsUntilLook(window, 10'000);
    EXPECT_GE(pause, last_pause);
    last_pause = pause;
  }
  EXPECT_EQ(last_pause, static_cast<int>(SpinWindow::kMaxPause));
}

TEST(SpinWindowTest, ShortSleepsBringTheNextLookNearer) {
  SpinWindow window(50);
  for (int i = 0; i < 12; ++i) {
    SleepsUntilLook(window, 10'000);
    window.OnVain();
  }
  EXPECT_EQ(SleepsUntilLook(window, 100), static_cast<int>(SpinWindow::kMaxPause) / 8);
}

TEST(SpinWindowTest, OneFindForgetsAllVainLooks) {
  SpinWindow window(50);
  for (int i = 0; i < 12; ++i) {
    SleepsUntilLook(window, 10'000);
    window.OnVain();
  }
  SleepsUntilLook(window, 10'000);
  window.OnFound();
  EXPECT_EQ(window.NextUs(), 50);
}

}  // namespace
}  // namespace mayfly
