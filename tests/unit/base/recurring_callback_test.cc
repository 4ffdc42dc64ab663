// RecurringCallback: many runs, and destruction from inside.

#include "base/recurring_callback.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(RecurringCallbackTest, RunsEachTimeWithItsArguments) {
  int sum = 0;
  RecurringCallback<int, int> callback([&](int a, int b) { sum += a * b; });
  callback.Run(2, 3);
  callback.Run(4, 5);
  EXPECT_EQ(sum, 26);
}

TEST(RecurringCallbackTest, CapturesOutliveTheDestructionFromInside) {
  std::unique_ptr<RecurringCallback<>> callback;
  std::string result;
  callback = std::make_unique<RecurringCallback<>>([&, text = std::string(100, 'x')] {
    callback.reset();
    result = text;
  });
  callback->Run();
  EXPECT_EQ(result, std::string(100, 'x'));
  EXPECT_EQ(callback, nullptr);
}

}  // namespace
}  // namespace mayfly
