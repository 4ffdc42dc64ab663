// OperationPool: reuse.

#include "base/operation.h"

#include <set>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(OperationPoolTest, ReusesWhatWasReturned) {
  OperationPool pool;
  std::set<Operation*> taken;
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(taken.insert(pool.Take()).second);
  }
  const size_t capacity = pool.capacity();
  for (Operation* operation : taken) {
    pool.Return(operation);
  }
  for (size_t i = 0; i < capacity; ++i) {
    Operation* operation = pool.Take();
    EXPECT_FALSE(operation->is_cancelling);
    EXPECT_EQ(operation->group, nullptr);
  }
  EXPECT_EQ(pool.capacity(), capacity);
}

TEST(OperationPoolTest, ReturnedOperationsForgetTheirState) {
  OperationPool pool;
  Operation* operation = pool.Take();
  operation->is_cancelling = true;
  operation->is_announcement = true;
  operation->result_is_fd = true;
  pool.Return(operation);
  for (size_t i = 0; i < pool.capacity(); ++i) {
    Operation* taken = pool.Take();
    EXPECT_FALSE(taken->is_cancelling || taken->is_announcement || taken->result_is_fd);
  }
}

}  // namespace
}  // namespace mayfly
