// main() of every GoogleTest program: says why a test was skipped, and exits with 77 when all of
// them were.

#include <cstdio>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

// What ctest takes for "skipped" (SKIP_RETURN_CODE in cmake/MayflyTargets.cmake).
constexpr int kSkippedExitStatus = 77;

// Prints one line "SKIPPED: Suite.Test: reason" for each skipped test.
class SkipPrinter : public testing::EmptyTestEventListener {
 public:
  void OnTestEnd(const testing::TestInfo& test) override {
    for (int i = 0; i < test.result()->total_part_count(); ++i) {
      const testing::TestPartResult& part = test.result()->GetTestPartResult(i);
      if (part.skipped()) {
        std::printf("SKIPPED: %s.%s: %s\n", test.test_suite_name(), test.name(), part.message());
      }
    }
  }
};

bool AllSkipped(const testing::UnitTest& tests) {
  return tests.skipped_test_count() > 0 && tests.successful_test_count() == 0 &&
         tests.failed_test_count() == 0;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  // GoogleTest owns its listeners.
  testing::UnitTest::GetInstance()->listeners().Append(new SkipPrinter);
  const int result = RUN_ALL_TESTS();
  if (result == 0 && AllSkipped(*testing::UnitTest::GetInstance())) {
    return kSkippedExitStatus;
  }
  return result;
}
