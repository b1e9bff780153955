// The thread whose id is the process's. It may end before the others (pthread_exit(3) in main): then it stays in the list of threads as a
// zombie, and what /proc/self shows is its emptiness. So the library reads /proc/thread-self.
//
// World: hijack, any thread.
#pragma once

namespace stasis::hijack {

bool main_thread_has_ended() noexcept;

}  // namespace stasis::hijack
