#include "sign/cli.h"

int main(int argc, char **argv)
{
	return signer_main(argc, argv);
}
