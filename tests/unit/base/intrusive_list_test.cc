// IntrusiveList: order, membership in two lists, leaving by dying.

#include "base/intrusive_list.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

struct RedTag;
struct BlueTag;

struct Item : ListLink<RedTag>, ListLink<BlueTag> {
  explicit Item(int item_value) : value(item_value) {}
  int value;
};

using RedList = IntrusiveList<Item, RedTag>;
using BlueList = IntrusiveList<Item, BlueTag>;

std::vector<int> Values(RedList* list) {
  std::vector<int> values;
  for (Item* item = list->front(); item != nullptr; item = list->Next(item)) {
    values.push_back(item->value);
  }
  return values;
}

TEST(IntrusiveListTest, KeepsTheOrderOfPushing) {
  RedList list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.PopFront(), nullptr);
  Item one(1);
  Item two(2);
  list.PushBack(&one);
  list.PushBack(&two);
  EXPECT_EQ(Values(&list), (std::vector<int>{1, 2}));
  EXPECT_EQ(list.PopFront(), &one);
  EXPECT_EQ(list.PopFront(), &two);
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveListTest, ListsOfDifferentTagsAreIndependent) {
  RedList red;
  BlueList blue;
  Item item(1);
  red.PushBack(&item);
  blue.PushBack(&item);
  EXPECT_EQ(red.PopFront(), &item);
  EXPECT_EQ(blue.front(), &item);
  EXPECT_EQ(blue.PopFront(), &item);
}

TEST(IntrusiveListTest, AnObjectThatDiesLeaves) {
  RedList list;
  Item one(1);
  auto two = std::make_unique<Item>(2);
  Item three(3);
  list.PushBack(&one);
  list.PushBack(two.get());
  list.PushBack(&three);
  two.reset();
  EXPECT_EQ(Values(&list), (std::vector<int>{1, 3}));
}

TEST(IntrusiveListTest, TakeAllAppendsInOrder) {
  RedList list;
  RedList other;
  Item one(1);
  Item two(2);
  Item three(3);
  list.PushBack(&one);
  other.PushBack(&two);
  other.PushBack(&three);
  list.TakeAll(&other);
  EXPECT_EQ(Values(&list), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(other.empty());
  list.TakeAll(&other);
  EXPECT_EQ(Values(&list), (std::vector<int>{1, 2, 3}));
}

TEST(IntrusiveListDeathTest, PushingTwiceIsABug) {
  RedList list;
  Item item(1);
  list.PushBack(&item);
  EXPECT_DEATH(list.PushBack(&item), "is_linked");
}

}  // namespace
}  // namespace mayfly
