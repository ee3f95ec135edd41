package edit

// RemovePy takes pieces out of a Python file: the statements, names and fields that
// puts name.
func RemovePy(f *PyFile, puts []Put) Result {
	return Result{Status: CannotPlace, Out: f.Src, Puts: puts, Reason: "cannot be removed yet"}
}

// RemoveGo takes the wiring of WireGo out of a file.
func RemoveGo(f *GoFile, puts []Put, names GoNames) Result {
	return Result{Status: CannotPlace, Out: f.Src, Puts: puts, Reason: "cannot be removed yet"}
}
