package edit

// RemoveGo takes the wiring of WireGo out of a file.
func RemoveGo(f *GoFile, puts []Put, names GoNames) Result {
	return Result{Status: CannotPlace, Out: f.Src, Puts: puts, Reason: "cannot be removed yet"}
}
