// UserfaultMemory: the hand-over to a handler, and pages that it fills.

#include "snapshot/userfault_memory.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>

#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/unit/snapshot/snapshot_memory.h"

namespace mayfly {
namespace {

using Ranges = std::vector<GuestRange>;

constexpr uint64_t kHugePage = uint64_t{2} << 20;

// A handler in a thread: takes one hand-over and fills each page with its number in its region.
class FakeHandler {
 public:
  explicit FakeHandler(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), path.size());
    listener_ = OwnedFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // Every address type is passed as a sockaddr.
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
  }
  ~FakeHandler() {
    stopping_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  // The message; empty when no descriptor came with it.
  std::string Accept() {
    connection_ = OwnedFd(accept(listener_.get(), nullptr, nullptr));
    std::array<char, 4096> buffer{};
    alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int))> control{};
    iovec segment = {.iov_base = buffer.data(), .iov_len = buffer.size()};
    msghdr header = {};
    header.msg_iov = &segment;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t count = recvmsg(connection_.get(), &header, MSG_CMSG_CLOEXEC);
    const cmsghdr* rights = CMSG_FIRSTHDR(&header);
    if (count <= 0 || rights == nullptr || rights->cmsg_type != SCM_RIGHTS) {
      return "";
    }
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
    userfault_ = OwnedFd(fd);
    return std::string(buffer.data(), static_cast<size_t>(count));
  }

  void Serve(uint64_t page_bytes, uint64_t start) {
    thread_ = std::thread([this, page_bytes, start] {
      while (!stopping_) {
        pollfd ready = {.fd = userfault_.get(), .events = POLLIN, .revents = 0};
        uffd_msg message = {};
        if (poll(&ready, 1, 10) == 1 &&
            read(userfault_.get(), &message, sizeof(message)) == sizeof(message)) {
          Handle(message, page_bytes, start);
        }
      }
    });
  }

  int fault_count() const { return fault_count_; }
  int removal_count() const { return removal_count_; }

 private:
  void Handle(const uffd_msg& message, uint64_t page_bytes, uint64_t start) {
    if (message.event == UFFD_EVENT_REMOVE) {
      ++removal_count_;
      return;
    }
    ++fault_count_;
    const uint64_t page = message.arg.pagefault.address / page_bytes * page_bytes;
    const std::vector<uint8_t> bytes(page_bytes,
                                     static_cast<uint8_t>((page - start) / page_bytes + 1));
    uffdio_copy copy = {};
    copy.dst = page;
    copy.src = reinterpret_cast<uintptr_t>(bytes.data());
    copy.len = page_bytes;
    (void)ioctl(userfault_.get(), UFFDIO_COPY, &copy);
  }

  OwnedFd listener_;
  OwnedFd connection_;
  OwnedFd userfault_;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> fault_count_ = 0;
  std::atomic<int> removal_count_ = 0;
};

class UserfaultMemoryTest : public testing::Test {
 protected:
  static bool IsForbidden(const absl::Status& status) {
    return status.code() == absl::StatusCode::kPermissionDenied ||
           status.code() == absl::StatusCode::kUnimplemented;
  }

  static uintptr_t AddressOf(const UserfaultMemory& created, size_t region) {
    return reinterpret_cast<uintptr_t>(created.memory.regions()[region].mapping.data());
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.PathOf("socket");
};

TEST_F(UserfaultMemoryTest, AHandlerFillsThePagesThatAreTouched) {
  FakeHandler handler(path_);
  auto created = UserfaultMemory::Create(TwoRanges(64, 16), HugePages::kNone, path_);
  if (IsForbidden(created.status())) {
    GTEST_SKIP() << created.status();
  }
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->memory.backing(), GuestMemory::Backing::kUserfault);
  const std::string first = std::to_string(AddressOf(*created, 0));
  const std::string second = std::to_string(AddressOf(*created, 1));
  EXPECT_EQ(handler.Accept(),
            "[{\"base_host_virt_addr\":" + first +
                ",\"size\":262144,\"offset\":0,\"page_size\":4096,\"page_size_kib\":4096}," +
                "{\"base_host_virt_addr\":" + second +
                ",\"size\":65536,\"offset\":262144,\"page_size\":4096,\"page_size_kib\":4096}]");
  handler.Serve(kPage, AddressOf(*created, 0));
  EXPECT_EQ(ReadPage(created->memory, 0), 1);
  EXPECT_EQ(ReadPage(created->memory, 9), 10);
  EXPECT_EQ(ReadPage(created->memory, 9), 10);
  EXPECT_EQ(handler.fault_count(), 2);
  // What is given back is missing again.
  ASSERT_EQ(madvise(created->memory.regions()[0].mapping.data(), kPage, MADV_DONTNEED), 0);
  EXPECT_EQ(ReadPage(created->memory, 0), 1);
  EXPECT_EQ(handler.removal_count(), 1);
  EXPECT_EQ(handler.fault_count(), 3);
}

TEST_F(UserfaultMemoryTest, HugePagesAreFilledWhole) {
  FakeHandler handler(path_);
  auto created =
      UserfaultMemory::Create(Ranges{{GuestAddress(0), kHugePage}}, HugePages::k2M, path_);
  if (!created.ok()) {
    GTEST_SKIP() << created.status();
  }
  EXPECT_NE(handler.Accept().find("\"page_size\":2097152,\"page_size_kib\":2097152"),
            std::string::npos);
  handler.Serve(kHugePage, AddressOf(*created, 0));
  const OwnedFd pages(open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", O_RDONLY));
  std::array<char, 8> count{};
  if (read(pages.get(), count.data(), count.size()) <= 0 || count[0] == '0') {
    GTEST_SKIP() << "no 2 MiB page is free (see /proc/sys/vm/nr_hugepages)";
  }
  EXPECT_EQ(ReadPage(created->memory, 511), 1);
  EXPECT_EQ(handler.fault_count(), 1);
}

TEST_F(UserfaultMemoryTest, ConnectFailsWithFirecrackersTexts) {
  const auto missing = UserfaultMemory::Create(TwoRanges(1, 1), HugePages::kNone, path_);
  if (IsForbidden(missing.status())) {
    GTEST_SKIP() << missing.status();
  }
  EXPECT_EQ(missing.status().message(),
            "Failed to connect to UDS Unix stream: No such file or directory (os error 2)");
  { const FakeHandler dead(path_); }
  EXPECT_EQ(UserfaultMemory::Create(TwoRanges(1, 1), HugePages::kNone, path_).status().message(),
            "Failed to connect to UDS Unix stream: Connection refused (os error 111)");
  for (const std::string& path : {std::string(), std::string(108, 'x')}) {
    EXPECT_EQ(UserfaultMemory::Create(TwoRanges(1, 1), HugePages::kNone, path).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(UserfaultMemoryTest, RefusesRangesThatAreNoMemory) {
  for (const HugePages huge_pages : {HugePages::kNone, HugePages::k2M}) {
    EXPECT_EQ(UserfaultMemory::Create(Ranges(), huge_pages, path_).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(
        UserfaultMemory::Create(Ranges{{GuestAddress(0), 1}}, huge_pages, path_).status().code(),
        absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(UserfaultMemory::Create(Ranges{{GuestAddress(0), kPage}}, HugePages::k2M, path_)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly
