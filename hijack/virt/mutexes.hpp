// Mutexes whose owner the kernel looks at: robust ones, and those that inherit priority.
//
// Their word holds the kernel's id of the thread that has them, and the C library takes that from where it has the program's (threads.hpp). So wrappers exchange
// the id there while a function of these mutexes runs, and nowhere else. The word has the kernel's id then, and __owner, which only the C library looks at, the program's: over any
// restart it tells who has the mutex. Words that were held at a restart are rewritten by their owners, whom their robust list leads to them. One that inherits priority but is not robust is in
// no list: it is mended when somebody meets it.
// World: hijack.
#pragma once
#include <pthread.h>

#include "hijack/engine/saved_state.hpp"

namespace stasis::hijack {

// As the C library's, for the wrappers that exchange the time (deadlines.cpp); a thread may be cancelled in the last two.
int mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* until) noexcept;
int cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until);
int cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until);

// Finds the C library's functions. At start-up, for later the loader may not be asked any more.
void learn_mutexes() noexcept;
// If ids are translated: from now on what is loaded calls our functions to lock and unlock. When the process is new, or runs a new program, or was brought back; one thread runs.
void stand_before_mutexes() noexcept;
// After a restart, by the thread itself, whose id is another: what it holds, and what it was about to do. Nothing of the program runs yet.
void renew_held(const ThreadState& state) noexcept;
// After all threads of the process are there: if `context` is about to wait for the owner of a word, a thread of this process, the word tells that one's new id.
void renew_awaited(const ucontext_t& context) noexcept;

}  // namespace stasis::hijack
