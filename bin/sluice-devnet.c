#include "sim/devnet.h"

int main(int argc, char **argv)
{
	return devnet_main(argc, argv);
}
