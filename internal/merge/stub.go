package merge

type language interface{}
type python struct{ width int }
type golang struct{}

func widthOf([]string) int { return 88 }
func mergeFiles(l language, b, t, o []string) ([]string, []Conflict, bool) { return nil, nil, false }
