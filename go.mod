module fastman

go 1.26.8
