/* Runs a fuzz target over the files it is given: the corpus is a regression test without libFuzzer.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_SIZE_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	static uint8_t input[INPUT_SIZE_MAX];
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		if (f == NULL)
			return EXIT_FAILURE;
		const size_t n = fread(input, 1, sizeof input, f);
		(void)fclose(f);
		/* an exact heap copy, so that ASan sees a read past the end */
		uint8_t *copy = malloc(n == 0 ? 1 : n);
		if (copy == NULL)
			return EXIT_FAILURE;
		for (size_t k = 0; k < n; k++)
			copy[k] = input[k];
		(void)LLVMFuzzerTestOneInput(copy, n);
		free(copy);
	}
	return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
