# belljar: polcy strict
echo ran
