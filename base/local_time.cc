// Dates without localtime_r, which takes a lock, where a handler needs them.

#include "base/local_time.h"

#include <atomic>

namespace mayfly {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kQuarterS = 900;

std::atomic<int64_t> g_utc_offset_s{0};
// Since 1970, the one in which the offset was asked for.
std::atomic<int64_t> g_offset_quarter{-1};

// Rounded down, also for times before 1970.
int64_t DivideDown(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

// The Gregorian calendar repeats every 400 years. Years are counted from March on here, so that the
// leap day is a year's last.
void SetDate(int64_t days_since_1970, LocalTime& time) {
  constexpr int64_t kDaysPerEra = 146'097;
  constexpr int64_t kDaysBefore1970 = 719'468;  // since the first of March of the year 0
  const int64_t days = days_since_1970 + kDaysBefore1970;
  const int64_t era = DivideDown(days, kDaysPerEra);
  const int64_t day_of_era = days - era * kDaysPerEra;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  time.day = static_cast<uint32_t>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  time.month =
      static_cast<uint32_t>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  time.year = era * 400 + year_of_era + (time.month <= 2 ? 1 : 0);
}

}  // namespace

LocalTime ToLocalTime(const timespec& time, int64_t utc_offset_s) {
  const int64_t seconds = int64_t{time.tv_sec} + utc_offset_s;
  const int64_t days = DivideDown(seconds, kSecondsPerDay);
  const auto second_of_day = static_cast<uint32_t>(seconds - days * kSecondsPerDay);
  LocalTime local;
  SetDate(days, local);
  local.hour = second_of_day / 3'600;
  local.minute = second_of_day / 60 % 60;
  local.second = second_of_day % 60;
  local.nanosecond = static_cast<uint32_t>(time.tv_nsec);
  return local;
}

LocalTime CurrentLocalTime() {
  timespec now = {};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return ToLocalTime(now, g_utc_offset_s.load(std::memory_order_relaxed));
}

void RefreshUtcOffset() {
  timespec now = {};
  (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const int64_t quarter = DivideDown(now.tv_sec, kQuarterS);
  if (g_offset_quarter.load(std::memory_order_relaxed) == quarter) {
    return;
  }
  g_offset_quarter.store(quarter, std::memory_order_relaxed);
  tm local = {};
  if (localtime_r(&now.tv_sec, &local) != nullptr) {
    g_utc_offset_s.store(local.tm_gmtoff, std::memory_order_relaxed);
  }
}

}  // namespace mayfly
