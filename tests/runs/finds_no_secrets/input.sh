cat .env 2>/dev/null || echo "no .env"
cat visible.txt
ls ~ | wc -l
echo "${BELLJAR_TEST_SECRET:-no secret in the environment}"
