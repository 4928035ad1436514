// Command shoal is a BitTorrent client. This package wires the rooms of the
// program together and speaks to the person at the command line: commands,
// flags, signals, exit codes and output live here, one file a command, and
// everything else lives in the packages it imports. Nothing imports it.
//
// Commands run on the main goroutine. A session runs on one of its own; only
// console may be used from several.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
