//go:build !unix

package fsys

import "os"

// renameAcross is left to copying: there is no rename between two folders that are held open.
func renameAcross(*os.Root, string, *os.Root, string) error { return ErrElsewhere }
