// The options of an srun command line.
//
// They are read the way srun reads them (getopt, abbreviations, components separated by ":"). An option that we do not know (another plugin's) is taken to have an argument if a
// word follows it: then at worst a launch is thought to bypass us that does not.
// World: programs. One thread (getopt_long(3)).
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace stasis::launch_proxy {

// --pty, which has no letter.
inline constexpr int kPty = 1001;

struct SrunOption {
  int letter = 0;          // its short name; for those that only have a long one, and are of no concern to us, some other number
  std::string value;       // empty if it has none
  std::size_t word = 0;    // in which argument the value is, and where it begins there; the number of arguments if there is none
  std::size_t at = 0;
};

// `arguments` is srun's argv. In their order.
std::vector<SrunOption> read_srun_options(const std::vector<std::string>& arguments);

}  // namespace stasis::launch_proxy
