# shellcheck shell=bash
# What the cases of the Slurm tests and the demonstration share: words for submitting, waiting and comparing. To be sourced.
#
# The cluster is the one of CLUSTER_PREFIX; it must be up (tests/slurm/cluster start). Slurm offers a client no event for the state of a
# job, so waits ask squeue and files until a deadline; a wait that ends without what it waited for is a failure that shows
# the job's own output, its store's log and Slurm's view.

slurm_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cluster() { "$slurm_dir/cluster" "$@"; }
lab=$(cluster path)
# shellcheck disable=SC2034  # for those who source this
prefix=${CLUSTER_PREFIX:-sn}
user=alice
work=/home/$user            # as the nodes see it; set by new_run
store=""
job=""

as_user() { CLUSTER_CWD="$work" cluster as $user head "$@"; }

fail() {
  echo "FAILED: $*"
  if [ -n "$job" ]; then
    echo "--- scontrol show job $job"; cluster exec head scontrol show job "$job"
    echo "--- output of the job"; tail -n 40 "$lab$work"/out* "$lab$work"/err* "$lab$work"/slurm-* 2>/dev/null
    echo "--- the store"; find "$lab$store" -printf '%P %s\n' 2>/dev/null; tail -n 40 "$lab$store/coordinator.log" 2>/dev/null
    echo "--- slurmctld and slurmd"; tail -n 25 "$lab/log/slurmctld.log" "$lab"/log/slurmd.*.log
  fi
  exit 1
}

# new_run NAME: an empty directory of the user's on the cluster's shared /home, where jobs are submitted.
new_run() {
  work=/home/$user/$1
  rm -rf "${lab:?}$work"
  install -d -o 2001 -g 2001 "$lab$work"
}

# wait_for SECONDS WHAT CMD...
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "no $what in time"
    sleep 0.1
  done
}
job_field() { cluster exec head scontrol -o show job "$1" 2>/dev/null | tr ' ' '\n' | sed -n "s/^$2=//p" | head -n 1; }
job_is() { case " $2 " in *" $(job_field "$1" JobState) "*) true ;; *) false ;; esac; }
restarted() { [ "$(job_field "$1" Restarts)" = "$2" ] && job_is "$1" "RUNNING COMPLETED"; }
requeued() { [ "$(job_field "$1" Restarts)" = "$2" ]; }
file_says() { grep -q "$2" "$lab$1" 2>/dev/null; }
node_of() { job_field "$1" BatchHost; }
generations() { find "$lab$store/generations" -mindepth 2 -maxdepth 2 -name manifest 2>/dev/null | wc -l; }
has_generations() { [ "$(generations)" -ge "$1" ]; }

# submit SBATCH_ARGS...: sets job and store.
submit() {
  job=$(as_user sbatch --parsable "$@") || fail "sbatch $*"
  store=$work/stasis-$job
}
# occupy NODE: a job of higher priority, of another user, that takes all of NODE until `release`.
occupy() {
  preemptor=$(cluster as bob head sbatch --parsable -p high -w "$1" -N 1 --exclusive --wrap 'sleep 3600' -o /dev/null) || fail "no preemptor"
}
cancel_all() {
  cluster exec head scancel -f -u alice 2>/dev/null
  cluster exec head scancel -f -u bob 2>/dev/null
}
release() { cluster exec head scancel "$preemptor"; }

# The main job's input, and its output when nobody disturbs it (made once for a cluster, by a job that does not ask for us).
prepare_phylogeny() {
  local reference=$lab$work
  awk -v taxa=60 -v sites=3000 -v seed=7 -f "$slurm_dir/alignment.awk" >"$reference/alignment.fasta"
  cp "$slurm_dir/phylogeny.sbatch" "$reference/"
}
phylogeny_reference() { # ITERATIONS
  new_run "reference-$1"
  prepare_phylogeny
  submit phylogeny.sbatch "$1"
  wait_for 600 "end of the undisturbed run" job_is "$job" "COMPLETED FAILED CANCELLED"
  file_says "$work/slurm-$job.out" '^phylogeny: done$' || fail "the undisturbed run did not finish"
  cp "$lab$work/slurm-$job.out" "$lab/home/reference-$1.out"
  for file in treefile mldist bionj; do cp "$lab$work/tree.$file" "$lab/home/reference-$1.$file"; done
}
# Bit for bit: what the job printed and what it computed. A run that had begun again would print its first line twice.
compare_phylogeny() { # ITERATIONS
  local file
  wait_for 900 "end of the job" job_is "$job" "COMPLETED FAILED CANCELLED TIMEOUT NODE_FAIL PREEMPTED"
  job_is "$job" COMPLETED || fail "the job ended as $(job_field "$job" JobState)"
  cmp "$lab$work/slurm-$job.out" "$lab/home/reference-$1.out" || fail "the job printed something else"
  for file in treefile mldist bionj; do
    cmp "$lab$work/tree.$file" "$lab/home/reference-$1.$file" || fail "tree.$file differs"
  done
}
