// The pieces of one level's table; included only by the files that are compiled per level.
#pragma once

#include "kernels/table.h"

namespace rl {

void fill_pointwise(PointwiseTable& t);  // arithmetic, comparison, bits, activations   pointwise.cpp
void fill_math(PointwiseTable& t);       // transcendental functions                    math.cpp
void fill_special(PointwiseTable& t);    // gamma, zeta, modified Bessel functions      special.cpp
void fill_cast(PointwiseTable& t);       // conversions and copies                      cast.cpp
void fill_reduce(ReduceTable& t);        // reductions, scans, softmax                  reduce.cpp
void fill_norm(NormTable& t);            // normalisation                              norm.cpp
void fill_rnn(RnnTable& t);              // steps of recurrent cells                   rnn.cpp
void fill_random(RandomTable& t);        // random numbers                              random_level.cpp
void fill_sort(SortTable& t);            // sorting and selection                       sort.cpp
void fill_gemm(GemmTable& t);            // matrix products                            gemm_tile.cpp
void fill_resample(ResampleTable& t);    // interpolation, distances                    resample.cpp
void fill_optim(OptimTable& t);          // steps of optimisers                        optim.cpp
void fill_conv(ConvTable& t);            // columns, single channels                   conv.cpp
void fill_pool(PoolTable& t);            // maxima and averages over windows           pool.cpp
void fill_attention(AttentionTable& t);  // rows of attention's weights                 attention_rows.cpp

}  // namespace rl
