# belljar: policy build
# belljar: limit wall=1h
echo ran
exit 1
