#!/usr/bin/env bash
# Train on several nodes of a SLURM cluster:  sbatch examples/cluster/slurm.sh
# RUN_DIR must be on a file system that all nodes see. A run that is preempted or loses a node is requeued and resumes
# from its last checkpoint; --nodes may change in between.
#SBATCH --job-name=forage
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120

RUN_DIR=${RUN_DIR:-$SLURM_SUBMIT_DIR/out/forage}

# One process per node, with all of its devices; JAX finds the others through SLURM's variables.
export JAX_LOCAL_DEVICE_IDS=$(seq --separator=, 0 $((${SLURM_GPUS_ON_NODE:-1} - 1)))
srun --kill-on-bad-exit=1 metta-jax train forage --distributed \
  --num-envs 4096 --set row_groups=64 --total-timesteps 1e9 --run-dir "$RUN_DIR" &
STEP=$!
trap 'kill -TERM $STEP' TERM
wait $STEP
CODE=$?
[ $CODE -gt 128 ] && { wait $STEP; CODE=$?; }  # the first wait ended with the signal
# 75: stopped by a signal, all saved. 76: another process was lost. Both are requeued; anything else is an error.
case $CODE in
  75 | 76) scontrol requeue "$SLURM_JOB_ID" ;;
esac
exit $CODE
