/* The signer's policy file. */
#include "sign/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy;
	struct policy_error error;

	if (size <= POLICY_FILE_MAX && policy_parse(&policy, &error, slice_of(data, size)) != OK)
		CHECK(error.text[0] != 0);
	return 0;
}
