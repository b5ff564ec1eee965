// Which instruction set computes: the best one this processor has, or a lower one that was asked for.
#pragma once
#include "contract.h"

namespace convscope {

// Makes `name` the active set; nullptr is the best there is. Throws std::invalid_argument, whose message names what is to be had.
void choose_isa(const char* name);
const Isa& active_isa();

}  // namespace convscope
