/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_drop.h"

static const struct {
	const char *word, *text;
} drops[] = {
#define X(e, word, text) [NIC_DROP_##e] = {word, text},
	NIC_DROP_TABLE(X)
#undef X
};

const char *nic_drop_word(enum nic_drop reason)
{
	return reason < NIC_DROP_NUM ? drops[reason].word : "?";
}

const char *nic_drop_text(enum nic_drop reason)
{
	return reason < NIC_DROP_NUM ? drops[reason].text : "?";
}
