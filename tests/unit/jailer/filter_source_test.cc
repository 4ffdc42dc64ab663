// ParseFilterSource: each form of Firecracker's JSON, and where it says that a fault is.

#include "jailer/filter_source.h"

#include <sys/syscall.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

std::string Error(absl::string_view text) {
  const auto source = ParseFilterSource(text);
  return source.ok() ? "none" : std::string(source.status().message());
}

// A filter of one thread.
std::string Filter(absl::string_view rules, absl::string_view on_other = "\"trap\"",
                   absl::string_view on_match = "\"allow\"") {
  return absl::StrCat(R"({"vmm": {"default_action": )", on_other, R"(, "filter_action": )",
                      on_match, R"(, "filter": [)", rules, "]}}");
}

std::string Check(absl::string_view members) {
  return Filter(
      absl::StrCat(R"({"syscall": "read"}, {"syscall": "ioctl", "args": [{)", members, "}]}"));
}

// The one check of Check(members).
ArgumentCheck Parsed(absl::string_view members) {
  const auto source = ParseFilterSource(Check(members));
  EXPECT_TRUE(source.ok()) << source.status();
  return source.ok() ? source->at("vmm").rules[1].checks[0] : ArgumentCheck{};
}

FilterActionOptions ParsedAction(absl::string_view action) {
  const auto source = ParseFilterSource(Filter("", action));
  EXPECT_TRUE(source.ok()) << source.status();
  return source.ok() ? source->at("vmm").options.on_other : FilterActionOptions{};
}

TEST(FilterSourceTest, TakesThreadsRulesAndComments) {
  const auto source = ParseFilterSource(R"({
    "vmm": {"default_action": "trap", "filter_action": "allow", "filter": [
      {"syscall": "read", "comment": "files"},
      {"syscall": "write", "args": []},
      {"syscall": "fcntl", "args": [
        {"index": 1, "type": "dword", "op": "eq", "val": 2, "comment": "F_SETFD"},
        {"index": 2, "type": "qword", "op": "eq", "val": 1}]}]},
    "API": {"default_action": "allow", "filter_action": "allow", "filter": []}})");
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_EQ(source->size(), 2u);
  EXPECT_TRUE(source->at("api").rules.empty());
  const ThreadFilter& filter = source->at("vmm");
  EXPECT_EQ(filter.options.on_other.action, FilterAction::kTrap);
  EXPECT_EQ(filter.options.on_match.action, FilterAction::kAllow);
  ASSERT_EQ(filter.rules.size(), 3u);
  EXPECT_EQ(filter.rules[0].number, SYS_read);
  EXPECT_TRUE(filter.rules[1].checks.empty());
  EXPECT_EQ(filter.rules[2].number, SYS_fcntl);
  EXPECT_EQ(filter.rules[2].checks,
            (std::vector<ArgumentCheck>{{.index = 1, .mask = kIntMask, .value = 2},
                                        {.index = 2, .mask = UINT64_MAX, .value = 1}}));
}

TEST(FilterSourceTest, TakesEachAction) {
  EXPECT_EQ(ParsedAction(R"("allow")"), (FilterActionOptions{FilterAction::kAllow, 0}));
  EXPECT_EQ(ParsedAction(R"("kill_process")"),
            (FilterActionOptions{FilterAction::kKillProcess, 0}));
  EXPECT_EQ(ParsedAction(R"("kill_thread")"), (FilterActionOptions{FilterAction::kKillThread, 0}));
  EXPECT_EQ(ParsedAction(R"("log")"), (FilterActionOptions{FilterAction::kLog, 0}));
  EXPECT_EQ(ParsedAction(R"("trap")"), (FilterActionOptions{FilterAction::kTrap, 0}));
  EXPECT_EQ(ParsedAction(R"({"errno": 4095})"), (FilterActionOptions{FilterAction::kErrno, 4095}));
  EXPECT_EQ(ParsedAction(R"({"trace": 65535})"),
            (FilterActionOptions{FilterAction::kTrace, 65535}));
}

TEST(FilterSourceTest, TakesEachOperator) {
  const auto parsed = [](absl::string_view op, absl::string_view type) {
    return Parsed(
        absl::StrCat(R"("index": 5, "type": ")", type, R"(", "op": )", op, R"(, "val": 255)"));
  };
  EXPECT_EQ(parsed(R"("eq")", "dword").op, CheckOperator::kEqual);
  EXPECT_EQ(parsed(R"("ne")", "dword").op, CheckOperator::kNotEqual);
  EXPECT_EQ(parsed(R"("lt")", "dword").op, CheckOperator::kLess);
  EXPECT_EQ(parsed(R"("le")", "dword").op, CheckOperator::kLessOrEqual);
  EXPECT_EQ(parsed(R"("gt")", "dword").op, CheckOperator::kGreater);
  EXPECT_EQ(parsed(R"("ge")", "dword").op, CheckOperator::kGreaterOrEqual);
  EXPECT_EQ(parsed(R"("ge")", "dword").mask, kIntMask);
  EXPECT_EQ(parsed(R"("ge")", "qword").mask, UINT64_MAX);
  EXPECT_EQ(parsed(R"("ge")", "qword").value, 255u);
  EXPECT_EQ(parsed(R"("ge")", "qword").index, 5u);
  // What the mask leaves out does not count, of the value either.
  EXPECT_EQ(parsed(R"({"masked_eq": 15})", "qword"),
            (ArgumentCheck{.index = 5, .mask = 15, .value = 15}));
  EXPECT_EQ(parsed(R"({"masked_eq": 18446744073709551615})", "dword"),
            (ArgumentCheck{.index = 5, .mask = kIntMask, .value = 255}));
}

TEST(FilterSourceTest, NumbersHaveTheirRange) {
  const auto error = [](absl::string_view index, absl::string_view type, absl::string_view value) {
    return Error(Check(absl::StrCat(R"("op": "eq", "index": )", index, R"(, "type": ")", type,
                                    R"(", "val": )", value)));
  };
  EXPECT_EQ(error("5", "dword", "4294967295"), "none");
  EXPECT_EQ(error("0", "qword", "18446744073709551615"), "none");
  EXPECT_EQ(error("6", "dword", "0"),
            "vmm: filter[1]: args[0]: index: must be a whole number from 0 to 5");
  EXPECT_EQ(error("5", "dword", "4294967296"),
            "vmm: filter[1]: args[0]: val: must be a whole number from 0 to 4294967295");
  for (const char* value : {"18446744073709551616", "-1", "1.0", "\"1\"", "null", "[]"}) {
    EXPECT_EQ(error("5", "qword", value),
              "vmm: filter[1]: args[0]: val: must be a whole number from 0 to "
              "18446744073709551615")
        << value;
  }
  EXPECT_EQ(error("0", "word", "0"),
            "vmm: filter[1]: args[0]: type: must be 'dword' or 'qword', not 'word'");
}

TEST(FilterSourceTest, ChecksHaveFourMembers) {
  EXPECT_EQ(Error(Check(R"("index": 1, "type": "dword", "op": "eq")")),
            "vmm: filter[1]: args[0]: 'val' is missing");
  EXPECT_EQ(Error(Check(R"("index": 1, "type": "dword", "op": "eq", "val": 1, "value": 1)")),
            "vmm: filter[1]: args[0]: unknown key 'value'");
  const auto error = [](absl::string_view op) {
    return Error(Check(absl::StrCat(R"("index": 1, "type": "dword", "val": 1, "op": )", op)));
  };
  constexpr absl::string_view kWhere = "vmm: filter[1]: args[0]: op: ";
  EXPECT_EQ(error("\"is\""), absl::StrCat(kWhere, "unknown operator 'is'"));
  EXPECT_EQ(error("1"), absl::StrCat(kWhere, "must be a text"));
  EXPECT_EQ(error("{}"), absl::StrCat(kWhere, "'masked_eq' is missing"));
  EXPECT_EQ(error(R"({"masked_eq": -1})"),
            absl::StrCat(kWhere, "masked_eq: must be a whole number from 0 to ", UINT64_MAX));
  EXPECT_EQ(error(R"({"masked_eq": 1, "eq": 1})"), absl::StrCat(kWhere, "unknown key 'eq'"));
}

TEST(FilterSourceTest, AnArgumentHasOneCheck) {
  constexpr char kCheck[] = R"({"index": 1, "type": "dword", "op": "ge", "val": 1})";
  EXPECT_EQ(
      Error(Filter(absl::StrCat(R"({"syscall": "read", "args": [)", kCheck, ",", kCheck, "]}"))),
      "vmm: filter[0]: args[1]: argument 1 has a check already; libseccomp takes one");
}

TEST(FilterSourceTest, RulesNameASystemCall) {
  EXPECT_EQ(Error(Filter(R"({"syscall": "none"})")),
            "vmm: filter[0]: syscall: x86-64 has no 'none'");
  EXPECT_EQ(Error(Filter(R"({"syscall": "read\u0000"})")),
            "vmm: filter[0]: syscall: x86-64 has no 'read\\x00'");
  EXPECT_EQ(Error(Filter(R"({"syscall": 0})")), "vmm: filter[0]: syscall: must be a text");
  EXPECT_EQ(Error(Filter("{}")), "vmm: filter[0]: 'syscall' is missing");
  EXPECT_EQ(Error(Filter("\"read\"")), "vmm: filter[0]: must be an object");
  EXPECT_EQ(Error(Filter(R"({"syscall": "read", "args": {}})")),
            "vmm: filter[0]: args: must be an array");
  EXPECT_EQ(Error(Filter(R"({"syscall": "read", "comment": 1})")),
            "vmm: filter[0]: comment: must be a text");
  EXPECT_EQ(Error(Filter(R"({"syscall": "read", "arg": []})")),
            "vmm: filter[0]: unknown key 'arg'");
}

TEST(FilterSourceTest, ActionsHaveNamesAndRanges) {
  const auto error = [](absl::string_view action) { return Error(Filter("", action)); };
  EXPECT_EQ(error("\"Allow\""), "vmm: default_action: unknown action 'Allow'");
  EXPECT_EQ(error("\"errno\""), "vmm: default_action: unknown action 'errno'");
  EXPECT_EQ(error(R"({"errno": 4096})"),
            "vmm: default_action: errno: must be a whole number from 0 to 4095");
  EXPECT_EQ(error(R"({"trace": 65536})"),
            "vmm: default_action: trace: must be a whole number from 0 to 65535");
  EXPECT_EQ(error(R"({"trace": 1, "errno": 1})"), "vmm: default_action: unknown key 'errno'");
  EXPECT_EQ(error("{}"), "vmm: default_action: 'errno' is missing");
  EXPECT_EQ(error("null"), "vmm: default_action: must be a text");
}

TEST(FilterSourceTest, RulesComeToSomethingElse) {
  constexpr char kRule[] = R"({"syscall": "read"})";
  constexpr char kError[] =
      "vmm: filter_action: is the default_action, so that the filter would do nothing";
  EXPECT_EQ(Error(Filter(kRule, "\"allow\"", "\"allow\"")), kError);
  EXPECT_EQ(Error(Filter(kRule, R"({"errno": 1})", R"({"errno": 1})")), kError);
  EXPECT_EQ(Error(Filter(kRule, R"({"errno": 1})", R"({"errno": 2})")), "none");
  EXPECT_EQ(Error(Filter("", "\"allow\"", "\"allow\"")), "none");
}

TEST(FilterSourceTest, ThreadsHaveNamesAndThreeMembers) {
  EXPECT_EQ(Error("[]"), "must be an object of threads");
  EXPECT_EQ(Error("{}"), "none");
  EXPECT_EQ(Error("{"), "syntax error at line 1 column 2");
  EXPECT_EQ(Error(R"({"v1": {}})"), "'v1': a thread's name has 1 to 32 letters or '_'");
  EXPECT_EQ(Error(R"({"vmm": []})"), "vmm: must be an object");
  EXPECT_EQ(Error(R"({"vmm": {}})"), "vmm: 'default_action' is missing");
  EXPECT_EQ(Error(R"({"vmm": {}, "vmm": {}})"), "an object has 'vmm' twice");
  EXPECT_EQ(Error(R"({"a": {"default_action": "log", "filter_action": "log", "filter": {}}})"),
            "a: filter: must be an array");
  EXPECT_EQ(Error(R"({"A": {"default_action": "log", "filter_action": "log", "filter": []},
                      "a": {"default_action": "log", "filter_action": "log", "filter": []}})"),
            "a: a thread with that name, in other letters, was there before");
}

}  // namespace
}  // namespace mayfly
