/* Timer descriptors: relative, absolute and by time of day, with interval, expired and not read, disarmed, shared with a child, and a reader that waits. */
#include <stdint.h>
#include <sys/timerfd.h>

#include "stasis_test.h"

static int timer(int clock, int flags, double first, double interval) {
  const int fd = timerfd_create(clock, TFD_NONBLOCK);
  struct itimerspec set = {.it_value = {(time_t)first, (long)((first - (double)(time_t)first) * 1e9)}, .it_interval = {(time_t)interval, (long)((interval - (double)(time_t)interval) * 1e9)}};
  struct timespec now;
  if (flags & TFD_TIMER_ABSTIME) {
    clock_gettime(clock, &now);
    set.it_value.tv_sec += now.tv_sec;
  }
  CHECK(fd >= 0 && timerfd_settime(fd, flags, &set, NULL) == 0);
  return fd;
}

static void check_left(int fd, time_t most, time_t interval) {
  struct itimerspec left;
  CHECK(timerfd_gettime(fd, &left) == 0 && left.it_value.tv_sec <= most && left.it_value.tv_sec > most - 100 && left.it_interval.tv_sec == interval);
}

int main(void) {
  uint64_t ticks = 0;
  int up[2], status;
  const int hour = timer(CLOCK_MONOTONIC, 0, 3600, 60), absolute = timer(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, 1800, 0), day = timer(CLOCK_REALTIME, TFD_TIMER_ABSTIME, 7200, 0);
  const int expired = timer(CLOCK_BOOTTIME, 0, 0.001, 0), disarmed = timer(CLOCK_MONOTONIC, 0, 0, 0), waited = timer(CLOCK_MONOTONIC, 0, 0.3, 0.001);
  CHECK(pipe(up) == 0 && fcntl(expired, F_SETFL, 0) == 0 && read(expired, &ticks, sizeof ticks) == 8 && ticks == 1);
  struct itimerspec again = {.it_value = {0, 1000000}};
  CHECK(timerfd_settime(expired, 0, &again, NULL) == 0 && fcntl(waited, F_SETFL, 0) == 0);
  const pid_t child = fork();
  if (child == 0) {
    signal_event(up[1]);
    CHECK(read(waited, &ticks, sizeof ticks) == 8 && ticks >= 1);
    CHECK(read(waited, &ticks, sizeof ticks) == 8 && ticks >= 1);
    _exit(0);
  }
  wait_for_event(up[0]);
  ready_and_wait();

  check_left(hour, 3600, 60), check_left(absolute, 1800, 0), check_left(day, 7200, 0), check_left(disarmed, 0, 0);
  CHECK(read(hour, &ticks, sizeof ticks) == -1 && errno == EAGAIN);
  CHECK(read(expired, &ticks, sizeof ticks) == 8 && ticks == 1);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return pass();
}
