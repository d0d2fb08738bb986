echo "never printed"
