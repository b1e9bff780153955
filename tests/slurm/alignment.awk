# Makes a DNA alignment by letting one random sequence evolve down a random tree: the same arguments give the same bytes.
#
#   awk -v taxa=40 -v sites=2000 -v seed=7 -f alignment.awk >alignment.fasta
#
# The input of the main job of the Slurm tests and of the demonstration (phylogeny.sbatch). It carries its own random numbers,
# because those of awk differ between implementations; all products stay below 2^53, so that doubles hold them exactly.

# One step of the minimal standard generator of Park and Miller; returns a number in [0, 1).
function draw() {
  state = (state * 16807) % 2147483647
  return state / 2147483647
}

# A copy of `parent` in which each site has changed with the probability of `change`.
function evolve(parent, change,    i, child) {
  child = ""
  for (i = 1; i <= sites; i++) child = child (draw() < change ? substr("ACGT", 1 + int(4 * draw()), 1) : substr(parent, i, 1))
  return child
}

BEGIN {
  state = seed
  root = ""
  for (i = 1; i <= sites; i++) root = root substr("ACGT", 1 + int(4 * draw()), 1)
  sequence[1] = root
  for (n = 1; n < taxa; n++) {           # a random leaf splits in two until there are enough
    split_leaf = 1 + int(n * draw())
    parent = sequence[split_leaf]
    sequence[split_leaf] = evolve(parent, 0.02 + 0.1 * draw())
    sequence[n + 1] = evolve(parent, 0.02 + 0.1 * draw())
  }
  for (n = 1; n <= taxa; n++) printf ">taxon%03d\n%s\n", n, sequence[n]
}
