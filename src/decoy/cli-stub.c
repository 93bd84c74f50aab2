#include "decoy/cli.h"
int cli_build(struct cli *cli)
{
	(void)cli;
	return 1;
}
int cli_import(struct cli *cli)
{
	(void)cli;
	return 1;
}
