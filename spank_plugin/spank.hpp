// The only door to Slurm's <slurm/spank.h>, which is not C++ clean: its prototypes of the callbacks stand outside its own
// extern "C" block, and the constants of SPANK_PLUGIN would have internal linkage.
//
// World: SPANK.
#pragma once
#include <sys/types.h>

#include <cstdint>

extern "C" {
#include <slurm/slurm.h>  // the numbers of special steps
#include <slurm/spank.h>
}
