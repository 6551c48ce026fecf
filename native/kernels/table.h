// All kernels of one CPU level.
#pragma once

#include "kernels/attention_table.h"
#include "kernels/conv.h"
#include "kernels/gemm_table.h"
#include "kernels/norm.h"
#include "kernels/optim.h"
#include "kernels/pointwise.h"
#include "kernels/pool.h"
#include "kernels/random.h"
#include "kernels/reduce.h"
#include "kernels/resample.h"
#include "kernels/rnn.h"
#include "kernels/sort.h"

namespace rl {

struct KernelTable {
  PointwiseTable pointwise;
  ReduceTable reduce;
  NormTable norm;
  RnnTable rnn;
  RandomTable random;
  SortTable sort;
  GemmTable gemm;
  OptimTable optim;
  ConvTable conv;
  PoolTable pool;
  ResampleTable resample;
  AttentionTable attention;
};

/// The table of the best level that this CPU runs (or the one that RUSHLIGHT_CPU_LEVEL names), chosen on load.
extern const KernelTable* const kernels;
/// "baseline", "avx2" or "avx512".
const char* cpu_level();

}  // namespace rl
