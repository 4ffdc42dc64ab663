// embed_filters: runs while building; prints the built-in filters as C++, or the table of them for
// docs/threat-model.md.

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jailer/policy_compiler.h"
#include "jailer/seccomp_policy.h"

namespace mayfly {
namespace {

std::string ConstantName(ThreadKind kind) {
  std::string name(ThreadKindName(kind));
  name[0] = absl::ascii_toupper(static_cast<unsigned char>(name[0]));
  return absl::StrCat("k", name);
}

// "constexpr std::array<sock_filter, 2> kLoop = {{...}};"
absl::StatusOr<std::string> FilterText(ThreadKind kind) {
  auto program = CompilePolicy(SeccompPolicy(kind), {});
  if (!program.ok()) {
    return program.status();
  }
  std::string text = absl::StrCat("constexpr std::array<sock_filter, ", program->size(), "> ",
                                  ConstantName(kind), " = {{\n");
  for (const sock_filter& instruction : *program) {
    absl::StrAppend(&text, "    {", instruction.code, ", ", instruction.jt, ", ", instruction.jf,
                    ", ", instruction.k, "u},\n");
  }
  return text + "}};\n";
}

int PrintFilters() {
  std::string text =
      "#include <array>\n\n#include \"jailer/seccomp_filter.h\"\n\nnamespace mayfly {\nnamespace "
      "{\n\n";
  std::string cases;
  for (const ThreadKind kind : kThreadKinds) {
    const auto filter = FilterText(kind);
    if (!filter.ok()) {
      std::fprintf(stderr, "embed_filters: %s\n", filter.status().ToString().c_str());
      return 1;
    }
    absl::StrAppend(&text, *filter, "\n");
    const std::string name = ConstantName(kind);
    absl::StrAppend(&cases, "    case ThreadKind::", name, ":\n      return ", name, ";\n");
  }
  std::printf(
      "%s}  // namespace\n\nstd::span<const sock_filter> BuiltInFilter(ThreadKind kind) {\n"
      "  switch (kind) {\n%s  }\n  return {};\n}\n\n}  // namespace mayfly\n",
      text.c_str(), cases.c_str());
  return 0;
}

std::string Conditions(const SyscallRule& rule) {
  if (rule.refusal_errno != 0) {
    return "answered with ENOSYS";
  }
  return absl::StrJoin(rule.checks, ", ", [](std::string* out, const ArgumentCheck& check) {
    absl::StrAppend(out, check.text);
  });
}

int PrintTable() {
  for (const ThreadKind kind : kThreadKinds) {
    std::printf(
        "\n### %s\n\n| system call | only with | group | reason |\n| --- | --- | --- | --- |\n",
        std::string(ThreadKindName(kind)).c_str());
    for (const SyscallRule& rule : SeccompPolicy(kind)) {
      std::printf("| `%s` | %s | %s | %s |\n", SyscallName(rule.number).c_str(),
                  Conditions(rule).c_str(), rule.group, rule.reason);
    }
  }
  return 0;
}

}  // namespace
}  // namespace mayfly

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--filters") {
    return mayfly::PrintFilters();
  }
  if (argc == 2 && std::string(argv[1]) == "--table") {
    return mayfly::PrintTable();
  }
  std::fputs("Usage: embed_filters --filters | --table\n", stderr);
  return 2;
}
