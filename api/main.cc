// The mayfly program.

int main() { return 0; }
