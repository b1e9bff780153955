// Asking to be notified of messages in POSIX message queues (hijack/engine/queue_registrations.hpp).
//
// World: hijack, any thread, also in signal handlers.
#include "hijack/engine/queue_registrations.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/interpose/real.hpp"

using namespace stasis::hijack;

STASIS_EXPORT int mq_notify(mqd_t queue, const struct sigevent* event) noexcept {
  if (event == nullptr || settings.standing != Standing::member) return real::mq_notify(queue, event);
  const std::uint32_t note = note_registration(queue, *event);
  const int result = real::mq_notify(queue, event);
  confirm_registration(note, result == 0);
  return result;
}
