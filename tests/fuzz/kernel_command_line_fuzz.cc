// Appends to any command line and checks, with the kernel's own way of splitting, that nothing but
// the argument was added to the kernel's part.
//
// An input is the command line up to a backslash and any other character, then the argument.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "vmm/guest_layout.h"
#include "vmm/kernel_command_line.h"

namespace mayfly {
namespace {

// One step of the kernel's next_arg() (lib/cmdline.c): takes a word off `text`, without the quotes
// around it.
std::string TakeWord(std::string& text) {
  const bool quoted = text.front() == '"';
  bool in_quote = quoted;
  size_t end = quoted ? 1 : 0;
  for (; end < text.size() && (in_quote || text[end] != ' '); ++end) {
    in_quote = in_quote != (text[end] == '"');
  }
  std::string word = text.substr(quoted ? 1 : 0, end - (quoted ? 1 : 0));
  if (quoted && !word.empty() && word.back() == '"') {
    word.pop_back();
  }
  text.erase(0, end);
  return word;
}

// The words the kernel takes for its own, and the text it hands to init.
struct KernelView {
  std::vector<std::string> words;
  std::string init_text;
};

KernelView Split(std::string text) {
  KernelView view;
  for (;;) {
    text.erase(0, text.find_first_not_of(' '));
    if (text.empty()) {
      return view;
    }
    const std::string word = TakeWord(text);
    if (word == "--") {
      view.init_text = text;
      return view;
    }
    view.words.push_back(word);
  }
}

void CheckAppend(const std::string& before, const std::string& argument,
                 const KernelCommandLine& command_line) {
  const std::string& after = command_line.text();
  MAYFLY_CHECK(after.size() < layout::kCommandLineMaxBytes);
  MAYFLY_CHECK(KernelCommandLine::Parse(after).ok());
  KernelView expected = Split(before);
  for (const std::string& word : Split(argument).words) {
    expected.words.push_back(word);
  }
  const KernelView view = Split(after);
  MAYFLY_CHECK(view.words == expected.words);
  MAYFLY_CHECK(view.init_text == expected.init_text);
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider provider(data, size);
  const std::string text = provider.ConsumeRandomLengthString();
  const std::string argument = provider.ConsumeRemainingBytesAsString();
  auto command_line = mayfly::KernelCommandLine::Parse(text);
  if (!command_line.ok()) {
    return 0;
  }
  if (command_line->Append(argument).ok()) {
    mayfly::CheckAppend(text, argument, *command_line);
  } else {
    MAYFLY_CHECK(command_line->text() == text);
  }
  return 0;
}
