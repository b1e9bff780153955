/* Each thread keeps its floating-point environment: rounding direction, exception flags and masks, in SSE and x87. */
#include <fenv.h>
#include <pthread.h>

#include "stasis_test.h"

static const int directions[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
static int go[2], up[2];

static double third(int sign) {
  volatile double one = sign, three = 3;
  return one / three;
}
static void *work(void *argument) {
  const int number = (int)(size_t)argument;
  CHECK(fesetround(directions[number]) == 0 && feclearexcept(FE_ALL_EXCEPT) == 0);
  const double up_before = third(1), down_before = third(-1);
  CHECK(feclearexcept(FE_ALL_EXCEPT) == 0 && feraiseexcept(number % 2 ? FE_OVERFLOW : FE_DIVBYZERO) == 0);
  const int flags = fetestexcept(FE_ALL_EXCEPT);
  signal_event(up[1]);
  wait_for_event(go[0]);
  CHECK(fegetround() == directions[number] && fetestexcept(FE_ALL_EXCEPT) == flags);
  CHECK(third(1) == up_before && third(-1) == down_before);
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  CHECK(pipe(go) == 0 && pipe(up) == 0);
  for (size_t i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
  for (int i = 0; i < 4; i++) wait_for_event(up[0]);

  ready_and_wait();

  for (int i = 0; i < 4; i++) signal_event(go[1]);
  for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
